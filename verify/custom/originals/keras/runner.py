"""A Keras model as a runner: its layers are watched, and what they compute is replaced."""

from collections.abc import Callable, Collection, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Any

import numpy as np

from verify.custom.originals.keras.layers import like, to_numpy, watch
from verify.custom.originals.keras.single_precision import SinglePrecision
from verify.custom.originals.original import layer_tap
from verify.specs.spec import Arrays, Stage


class KerasRunner:
    """Runs a model whose `layers` are watched; `inputs` are the names of what it reads.

    `single` knows its layers that need float32. `run_layer` lets every layer read what it is given,
    in one run for all that are asked for.
    """

    def __init__(
        self,
        layers: dict[str, Any],
        run: Callable[..., dict[str, Any]],
        inputs: Sequence[str],
        single: SinglePrecision,
    ) -> None:
        self._layers, self._run, self._inputs, self._single = layers, run, inputs, single
        self._alone: tuple[Mapping[str, np.ndarray], Arrays] | None = None

    def run_stage(self, stage: Stage, given: Mapping[str, np.ndarray]) -> Arrays:
        """See `OriginalRunner`."""
        return self._taps(set(stage.taps), given, {})

    def run_layer(self, tap: str, seen: Mapping[str, np.ndarray]) -> np.ndarray:
        """See `OriginalRunner`."""
        if self._alone is None or self._alone[0] is not seen or tap not in self._alone[1]:
            taps = seen.keys() - set(self._inputs)
            self._alone = seen, self._taps(taps, seen, {name: seen[name] for name in taps})
        return self._alone[1].pop(tap)

    @property
    def has_rounded_constants(self) -> bool:
        """See `verify.specs.spec.RoundedConstants`: has it layers that need float32 in float64?"""
        return bool(self._single.paths)

    def move_constants(self, seed: int) -> None:
        """See `verify.specs.spec.RoundedConstants`: what such layers compute is moved."""
        self._single.seed, self._alone = seed, None

    def close(self) -> None:
        """See `OriginalRunner`."""
        self._layers, self._alone, self._single.seed = {}, None, None

    def _taps(
        self,
        taps: AbstractSet[str],
        given: Mapping[str, np.ndarray],
        replacements: Mapping[str, np.ndarray],
    ) -> Arrays:
        found: Arrays = {}

        def see(tap: str, _layer: Any, _reads: tuple[Any, ...], value: Any) -> Any:
            if tap not in taps:
                return None
            found[tap] = to_numpy(value)
            return like(value, replacements[tap]) if tap in replacements else None

        with watch(by_tap(self._layers, self._inputs), see) as restart:
            outputs = self._run({name: given[name] for name in self._inputs}, begin=restart)
        return found | {tap: to_numpy(outputs[tap]) for tap in outputs if tap in taps}


def by_tap(layers: Mapping[str, Any], inputs: Collection[str]) -> dict[str, Any]:
    """The layers by the taps of their outputs."""
    return {layer_tap(path, inputs): layer for path, layer in layers.items()}
