"""An original that is run once, whatever ports it is compared with."""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from verify.custom.originals.keras.model import KerasModel
from verify.custom.originals.original import Call
from verify.engine.memo import Remembering
from verify.specs.spec import OriginalRunner, Stage

STAGE = "net"  # what `port_spec` calls its one stage


class RunOnce:
    """A Keras model of which nothing is computed twice; else as it is.

    Args:
        model: the original.
    """

    def __init__(self, model: KerasModel) -> None:
        self._model = model
        self._calls: dict[bytes, list[Call]] = {}
        self._runners: dict[tuple[str, tuple[str, ...]], Remembering] = {}
        self._taps: tuple[str, ...] = ()

    def __getattr__(self, name: str) -> Any:
        """Whatever else a Keras model has."""
        return getattr(self._model, name)

    def calls(self, inputs: Mapping[str, np.ndarray]) -> list[Call]:
        """See `AnyOriginal`."""
        key = hashlib.sha256(
            b"".join(name.encode() + array.tobytes() for name, array in inputs.items())
        ).digest()
        if key not in self._calls:
            self._calls[key] = self._model.calls(inputs)
            self._taps = tuple(call.tap for call in self._calls[key])
        return self._calls[key]

    def runner(self, precision: str, inputs: Sequence[str]) -> OriginalRunner:
        """See `AnyOriginal`; every tap is computed at once, so that no set of taps is new."""
        key = precision, tuple(inputs)
        if key not in self._runners:
            self._runners[key] = _AllTaps(self._model.runner(precision, inputs), self._taps)
        return self._runners[key]

    def end(self) -> None:
        """Free what the runners hold."""
        for runner in self._runners.values():
            runner.end()


class _AllTaps(Remembering):
    """Computes every tap where some are asked for, the first time."""

    def __init__(self, runner: OriginalRunner, taps: tuple[str, ...]) -> None:
        super().__init__(runner)
        self._all = taps

    def run_stage(self, stage: Stage, given: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """See `OriginalRunner`."""
        if stage.name not in self._stages and set(stage.taps) <= set(self._all):
            super().run_stage(Stage(stage.name, stage.reads, self._all), given)
        return super().run_stage(stage, given)
