"""The original TensorFlow graph as a runner."""

import os
from collections.abc import Mapping
from typing import Any

import numpy as np

from verify.spec import Arrays, Stage


class TensorFlowRunner:
    """`reference_tf.Original`; TensorFlow starts when the first of these is made.

    Args:
        variables: TensorFlow name to value.
        precision: `float64` or `float32`.
        **options: for `reference_tf.Original`.
    """

    def __init__(self, variables: Mapping[str, np.ndarray], precision: str, **options: Any) -> None:
        # TensorFlow's start-up chatter would stand between the rows of the table.
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
        from reference_tf import Original

        self._precision = precision
        self._original = Original(dtype=precision, **options)
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
