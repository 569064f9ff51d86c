"""The original TensorFlow graph as a runner."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from verify.original import import_original
from verify.spec import Arrays, Stage


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
        feeds = self._feeds(self._original.reads(tap), seen)
        return self._original.run(feeds, [tap])[tap]

    def close(self) -> None:
        """See `OriginalRunner`."""
        self._original.close()

    def _feeds(self, names: tuple[str, ...], given: Mapping[str, np.ndarray]) -> Arrays:
        return {name: given[name].astype(self._precision, copy=False) for name in names}
