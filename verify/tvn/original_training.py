"""The original TensorFlow graph, one training step at a time."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from verify.specs.spec import Arrays
from verify.specs.training_spec import LOGITS, LOSS, TrainingBatch, gradient_of
from verify.tvn.original import import_original

if TYPE_CHECKING:
    from reference_tf.optimizers import Apply
    from reference_tf.training import Batch

VIDEO_GRADIENT = gradient_of("video")


class TensorFlowTrainer:
    """`reference_tf.Training`; TensorFlow starts when the first of these is made.

    Args:
        variables: TensorFlow name to value.
        precision: `float64` or `float32`.
        loss: `softmax` or `sigmoid`.
        optimizer: of `reference_tf.optimizers`, for `step`.
        **options: for `reference_tf.Original`.
    """

    def __init__(
        self,
        variables: Mapping[str, np.ndarray],
        precision: str,
        *,
        loss: str = "softmax",
        optimizer: "Apply | None" = None,
        **options: Any,
    ) -> None:
        self._precision = precision
        self._original = import_original()(dtype=precision, training=True, **options)
        from reference_tf.training import Training

        self._training = Training(self._original, loss, optimizer)
        self.load(variables)

    def load(self, variables: Mapping[str, np.ndarray]) -> None:
        """Start from other weights."""
        self._original.load(variables)
        self._training.reset()

    def run(self, batch: TrainingBatch) -> Arrays:
        """See `TrainingRunner`."""
        step = self._training.capture(self._batch(batch))
        gradients = {gradient_of(name): value for name, value in step.gradients.items()}
        return {
            **step.moving,
            LOGITS: step.logits,
            LOSS: np.asarray(step.loss),
            **gradients,
            VIDEO_GRADIENT: step.video_gradient.reshape(batch.clips.shape),
        }

    def step(self, batch: TrainingBatch) -> float:
        """Update the variables once; return the loss before."""
        return self._training.step(self._batch(batch))

    def values(self) -> Arrays:
        """Every variable's present value by name."""
        return self._original.values()

    def close(self) -> None:
        """See `TrainingRunner`."""
        self._original.close()

    def _batch(self, batch: TrainingBatch) -> "Batch":
        from reference_tf.training import Batch

        video = batch.clips.astype(self._precision)
        return Batch(
            video.reshape(self._original.video.shape),
            batch.labels,
            batch.kept,
            batch.keep_probability,
        )
