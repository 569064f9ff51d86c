"""TensorFlow 1's optimizers and moving averages, where PyTorch's own compute something else.

Sources: TensorFlow's `core/kernels/training_ops.cc`, and `rmsprop.py`, `adam.py` and
`moving_averages.py` in its `python/training`; the differences: `docs/training_parity.md`.
`MomentumOptimizer` needs nothing here: it is `torch.optim.SGD`.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.optim.optimizer import ParamsT


def as_float32(value: float) -> float:
    """`value` as TensorFlow holds a Python number: rounded to float32, even in a float64 graph."""
    return float(np.float32(value))


class _LikeTensorFlow(torch.optim.Optimizer):
    """Weight decay and the loop over parameters; subclasses update one of them.

    `weight_decay` adds `weight_decay * w` to the gradient, as an L2 term of half the squares does
    (`tf.nn.l2_loss`). If `decoupled`, it takes that share off the weights before the update
    instead: TensorFlow's contrib optimizers did not multiply it with the learning rate, as
    `torch.optim.AdamW` does.
    """

    @torch.no_grad()
    def step(  # type: ignore[override]
        self, closure: Callable[[], float] | None = None
    ) -> float | None:
        """Update every parameter that has a gradient."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is None:
                    continue
                gradient, decay = parameter.grad, as_float32(group["weight_decay"])
                if decay and group["decoupled"]:
                    parameter.sub_(parameter * decay)
                elif decay:
                    gradient = gradient + parameter * decay
                self._update(parameter, gradient, self.state[parameter], group)
        return loss

    def _update(
        self, parameter: Tensor, gradient: Tensor, state: dict[str, Any], group: dict[str, Any]
    ) -> None:
        raise NotImplementedError


class RMSpropTF(_LikeTensorFlow):
    """`tf.compat.v1.train.RMSPropOptimizer`, not centred.

    Unlike `torch.optim.RMSprop`, the mean square starts at one, epsilon stands under the root, and
    the learning rate enters the momentum, so that a change of it acts later.

    Args:
        params: what is trained.
        lr: the learning rate.
        alpha: TensorFlow's `decay`.
        momentum: of the updates.
        eps: TensorFlow's `epsilon`.
        weight_decay: see above.
        decoupled: see above.
    """

    def __init__(
        self,
        params: ParamsT,
        lr: float,
        alpha: float = 0.9,
        momentum: float = 0.0,
        eps: float = 1e-10,
        weight_decay: float = 0.0,
        decoupled: bool = False,
    ) -> None:
        defaults = {"lr": lr, "alpha": alpha, "momentum": momentum, "eps": eps}
        super().__init__(params, defaults | {"weight_decay": weight_decay, "decoupled": decoupled})

    def _update(
        self, parameter: Tensor, gradient: Tensor, state: dict[str, Any], group: dict[str, Any]
    ) -> None:
        if not state:
            state["mean_square"] = torch.ones_like(parameter)
            state["momentum"] = torch.zeros_like(parameter)
        mean_square, velocity = state["mean_square"], state["momentum"]
        mean_square.add_((gradient.square() - mean_square) * (1 - as_float32(group["alpha"])))
        root = (mean_square + as_float32(group["eps"])).sqrt_()
        velocity.mul_(as_float32(group["momentum"]))
        velocity.add_(gradient * as_float32(group["lr"]) / root)
        parameter.sub_(velocity)


class AdamTF(_LikeTensorFlow):
    """`tf.compat.v1.train.AdamOptimizer`.

    Unlike `torch.optim.Adam`, epsilon is the paper's "epsilon hat", added to the root before the
    correction of its bias, and the powers of the betas are kept in float32.

    Args:
        params: what is trained.
        lr: the learning rate.
        betas: TensorFlow's `beta1`, `beta2`.
        eps: TensorFlow's `epsilon`.
        weight_decay: see above.
        decoupled: see above.
    """

    def __init__(
        self,
        params: ParamsT,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        decoupled: bool = False,
    ) -> None:
        defaults = {"lr": lr, "betas": betas, "eps": eps}
        super().__init__(params, defaults | {"weight_decay": weight_decay, "decoupled": decoupled})

    def _update(
        self, parameter: Tensor, gradient: Tensor, state: dict[str, Any], group: dict[str, Any]
    ) -> None:
        beta1, beta2 = map(as_float32, group["betas"])
        if not state:
            state["mean"] = torch.zeros_like(parameter)
            state["mean_square"] = torch.zeros_like(parameter)
            state["beta_powers"] = (1.0, 1.0)
        power1, power2 = state["beta_powers"]
        power1, power2 = as_float32(power1 * beta1), as_float32(power2 * beta2)
        state["beta_powers"] = (power1, power2)
        mean, mean_square = state["mean"], state["mean_square"]
        mean.add_((gradient - mean) * (1 - beta1))
        mean_square.add_((gradient.square() - mean_square) * (1 - beta2))
        lr = as_float32(group["lr"]) * (1 - power2) ** 0.5 / (1 - power1)
        parameter.sub_(mean * lr / (mean_square.sqrt() + as_float32(group["eps"])))


def moving_average_like_tf(
    decay: float, count_updates: bool = False
) -> Callable[[Tensor, Tensor, Tensor | int], Tensor]:
    """`tf.train.ExponentialMovingAverage` as the `avg_fn` of `torch.optim.swa_utils.AveragedModel`.

    TensorFlow's average starts from the initial weights, so call `update_parameters` once before
    the first step; torch then copies them. TensorFlow takes one minus the decay in float32, where
    it comes out up to 5e-4 of itself off for 0.9999.

    Args:
        decay: of the average.
        count_updates: `num_updates` is given to TensorFlow, and is 1 after the first step: the
            decay is no more than `(1 + num_updates) / (10 + num_updates)`.
    """

    def average(averaged: Tensor, current: Tensor, updates: Tensor | int) -> Tensor:
        present = np.float32(decay)
        if count_updates:
            count = np.float32(int(updates))
            present = min(present, (np.float32(1) + count) / (np.float32(10) + count))
        return averaged - (averaged - current) * float(np.float32(1) - present)

    return average
