"""The original TensorFlow graph as a runner."""

from collections.abc import Container, Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from verify.runners.tensorflow import import_quietly
from verify.specs.spec import Arrays, Stage

if TYPE_CHECKING:
    from reference_tf import Original


def import_original() -> "type[Original]":
    """`reference_tf.Original`.

    Raises:
        InputError: TensorFlow is not installed.
    """
    original: type[Original] = import_quietly("reference_tf").Original
    return original


class TensorFlowRunner:
    """`reference_tf.Original`; TensorFlow starts when the first of these is made.

    Args:
        variables: TensorFlow name to value.
        precision: `float64` or `float32`.
        **options: for `reference_tf.Original`.
    """

    def __init__(self, variables: Mapping[str, np.ndarray], precision: str, **options: Any) -> None:
        self._precision = precision
        self._original = import_original()(dtype=precision, **options)
        self._original.load(variables)

    def run_stage(self, stage: Stage, given: Mapping[str, np.ndarray]) -> Arrays:
        """See `OriginalRunner`."""
        return self._original.run(self._feeds(stage.reads, given), stage.taps)

    def run_layer(self, tap: str, seen: Mapping[str, np.ndarray]) -> np.ndarray:
        """See `OriginalRunner`."""
        feeds = self._feeds(self._reads(tap, seen), seen)
        return self._original.run(feeds, [tap])[tap]

    def close(self) -> None:
        """See `OriginalRunner`."""
        self._original.close()

    def _reads(self, tap: str, seen: Container[str]) -> set[str]:
        """The nearest taps in front of a layer that were seen: a port may merge layers into one."""
        reads = set[str]()
        for name in self._original.reads(tap):
            reads |= {name} if name in seen else self._reads(name, seen)
        return reads

    def _feeds(self, names: Iterable[str], given: Mapping[str, np.ndarray]) -> Arrays:
        return {name: given[name].astype(self._precision, copy=False) for name in names}
