"""TensorFlow 1's own optimizers, weight decay and moving averages, for `Training`."""

from collections.abc import Callable, Sequence
from typing import Any

import tensorflow as tf

v1 = tf.compat.v1
Tensor = Any

OPTIMIZERS = {
    "momentum": v1.train.MomentumOptimizer,
    "rmsprop": v1.train.RMSPropOptimizer,
    "adam": v1.train.AdamOptimizer,
}
# From (gradient, variable) pairs to the operation that updates the variables.
Apply = Callable[[Sequence[tuple[Tensor, Any]]], Any]


def make_optimizer(
    kind: str, *, weight_decay: float = 0.0, decoupled: bool = False, **options: Any
) -> Apply:
    """An optimizer with weight decay.

    Args:
        kind: `momentum`, `rmsprop` or `adam`.
        weight_decay: factor of an L2 term, half the sum of squares (`tf.nn.l2_loss`), in the loss.
        decoupled: take `weight_decay` of the weights off them before the update instead, as
            contrib's `DecoupledWeightDecayExtension` did.
        **options: the optimizer's own, under TensorFlow's names.
    """

    def apply(pairs: Sequence[tuple[Tensor, Any]]) -> Any:
        optimizer = OPTIMIZERS[kind](**options)
        if not weight_decay:
            return optimizer.apply_gradients(pairs)
        if not decoupled:
            return optimizer.apply_gradients(
                [
                    (gradient + tf.gradients(_l2(weight_decay, variable), variable)[0], variable)
                    for gradient, variable in pairs
                ]
            )
        # Gradients first: they are of the weights before they decay.
        with tf.control_dependencies([gradient for gradient, _ in pairs]):
            decays = [
                variable.assign_sub(variable * tf.cast(weight_decay, variable.dtype))
                for _, variable in pairs
            ]
        with tf.control_dependencies(decays):
            return optimizer.apply_gradients(pairs)

    return apply


def _l2(weight_decay: float, variable: Any) -> Tensor:
    return tf.cast(weight_decay, variable.dtype) * tf.nn.l2_loss(variable)
