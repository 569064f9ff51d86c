"""The original in training: loss, gradients, moving statistics and steps of an optimizer."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf

from reference_tf.optimizers import Apply
from reference_tf.original import Original

v1 = tf.compat.v1
Tensor = Any

LABELS = {"softmax": tf.int64, "sigmoid": tf.float32}


@dataclass(frozen=True)
class Batch:
    """What one step reads.

    `video` as the original takes it; `labels` `[batch]`, the class of each clip, or for the
    sigmoid loss `[batch, classes]`, zeros and ones; `kept`: where dropout is on, which features
    stay, bool, in the shape of what the classifier reads, and `keep_probability`.
    """

    video: np.ndarray
    labels: np.ndarray
    kept: np.ndarray | None = None
    keep_probability: float = 1.0


@dataclass(frozen=True)
class Step:
    """What one step computes, before anything is updated.

    `gradients` by name of each trainable variable, zeros where the loss does not depend on it;
    `moving` what each moving statistic becomes.
    """

    logits: np.ndarray
    loss: np.ndarray
    gradients: dict[str, np.ndarray]
    video_gradient: np.ndarray
    moving: dict[str, np.ndarray]


class Training:
    """Adds loss, gradients and updates to an `Original` that was built with `training=True`.

    Args:
        original: what is trained; in place.
        loss: `softmax`, the mean over the batch of the cross-entropy with one class a clip; or
            `sigmoid`, the mean over batch and classes of the cross-entropy with a yes or no for
            each class (as for Charades, whose clips show several actions).
        optimizer: from `reference_tf.optimizers`; without one, `step` updates the moving
            statistics alone.
    """

    def __init__(
        self, original: Original, loss: str = "softmax", optimizer: Apply | None = None
    ) -> None:
        if not original.layers.training:
            raise ValueError("build the original with training=True")
        self._original = original
        variables = original.graph_variables
        with original.graph.as_default():
            logits = original.logits
            shape = logits.shape[:1] if loss == "softmax" else logits.shape
            self._labels = v1.placeholder(LABELS[loss], shape, "labels")
            self._loss = _loss(loss, self._labels, logits)
            trained = {name: variables[name] for name in original.trainable()}
            *gradients, video_gradient = tf.gradients(
                self._loss, [*trained.values(), original.video], unconnected_gradients="zero"
            )
            moved = original.layers.moved
            self._fetches = {
                "logits": logits,
                "loss": self._loss,
                "gradients": dict(zip(trained, gradients, strict=True)),
                "video_gradient": video_gradient,
                "moving": moved,
            }
            updates = [variables[name].assign(value) for name, value in moved.items()]
            before = {variable.op.name for variable in v1.global_variables()}
            if optimizer is not None:
                updates.append(optimizer(list(zip(gradients, trained.values(), strict=True))))
            self._update = tf.group(updates)
            state = [v for v in v1.global_variables() if v.op.name not in before]
            self._reset = v1.variables_initializer(state)
        self.reset()

    def reset(self) -> None:
        """Let the optimizer start anew; the weights stay."""
        self._original.session.run(self._reset)

    def capture(self, batch: Batch) -> Step:
        """All that a step computes; nothing is updated."""
        return Step(**self._original.session.run(self._fetches, self._feeds(batch)))

    def step(self, batch: Batch) -> float:
        """Update the variables once; return the loss that was computed before."""
        loss, _ = self._original.session.run((self._loss, self._update), self._feeds(batch))
        return float(loss)

    def _feeds(self, batch: Batch) -> dict[Tensor, Any]:
        feeds: dict[Tensor, Any] = {
            self._original.video: batch.video,
            self._labels: batch.labels,
        }
        if batch.kept is not None:
            dropout = self._original.layers.dropout_inputs
            assert dropout is not None  # there is one in every head that is trained
            feeds[dropout.kept] = batch.kept
            feeds[dropout.keep_probability] = batch.keep_probability
        return feeds


def _loss(kind: str, labels: Tensor, logits: Tensor) -> Tensor:
    if kind == "softmax":
        return tf.reduce_mean(
            tf.nn.sparse_softmax_cross_entropy_with_logits(labels=labels, logits=logits)
        )
    return tf.reduce_mean(
        tf.nn.sigmoid_cross_entropy_with_logits(labels=tf.cast(labels, logits.dtype), logits=logits)
    )
