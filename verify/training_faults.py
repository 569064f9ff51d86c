"""Mistakes in training that inference cannot show, to be planted one at a time."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from port.layers import BatchNorm, ClipScale, SpatialPool
from port.layers.pool import average_pool
from port.optim import AdamTF, as_float32
from port.tf_semantics import pad_same
from verify.faults import Plant, as_class, with_values


@dataclass(frozen=True, slots=True)
class TrainingFault:
    """A mistake: what it is called, in which modules it can be made, and how."""

    name: str
    applies: Callable[[nn.Module], bool]
    plant: Plant

    def sites(self, net: nn.Module) -> list[str]:
        """The modules of `net`, by their paths, in which this fault can be planted."""
        return [path for path, module in net.named_modules() if self.applies(module)]

    @contextmanager
    def planted(self, net: nn.Module, path: str) -> Iterator[None]:
        """Make the mistake in one module, and mend it afterwards."""
        undo = self.plant(net.get_submodule(path))
        try:
            yield
        finally:
            undo()


class _BiasedVariance(BatchNorm):
    def forward(self, input: Tensor) -> Tensor:
        assert self.running_var is not None and self.momentum is not None
        before = self.running_var.clone()
        y = super().forward(input)
        if self.training:
            biased = input.detach().var((0, 2, 3), correction=0)
            self.running_var.copy_(before + (biased - before) * self.momentum)
        return y


class _UpdatedTwice(BatchNorm):
    def forward(self, input: Tensor) -> Tensor:
        super().forward(input.detach())
        return super().forward(input)


class _GradientIntoPadding(SpatialPool):
    """The right averages, with the gradient of those that count padding."""

    def forward(self, x: Tensor) -> Tensor:
        padded = pad_same(x, self.kernel, self.stride)
        counted = nn.functional.avg_pool2d(padded, self.kernel, self.stride)
        right = average_pool(x, self.kernel, self.stride)
        return counted + (right - counted).detach()


class _DetachedGate(ClipScale):
    def forward(self, x: Tensor, gate: Tensor) -> Tensor:
        return super().forward(x, gate.detach())


def _freeze_gamma(module: nn.Module) -> Callable[[], None]:
    gamma = module.get_parameter("weight")
    gamma.requires_grad_(False)

    def undo() -> None:
        gamma.requires_grad_(True)

    return undo


def _is(kind: type[nn.Module]) -> Callable[[nn.Module], bool]:
    return lambda module: isinstance(module, kind)


def _averages(module: nn.Module) -> bool:
    return isinstance(module, SpatialPool) and module.kind == "avgpool" and module.kernel[0] > 1


FAULTS = (
    TrainingFault("batch-norm momentum 0.9", _is(BatchNorm), with_values(momentum=lambda _: 0.9)),
    TrainingFault("biased moving variance", _is(BatchNorm), as_class(_BiasedVariance)),
    TrainingFault("statistics updated twice", _is(BatchNorm), as_class(_UpdatedTwice)),
    TrainingFault(
        "keep probability for drop probability",
        _is(nn.Dropout),
        with_values(p=lambda module: 1 - module.p),
    ),
    TrainingFault("averages' gradient into padding", _averages, as_class(_GradientIntoPadding)),
    TrainingFault("frozen gamma", _is(BatchNorm), _freeze_gamma),
    TrainingFault("detached gate", _is(ClipScale), as_class(_DetachedGate)),
)


class EpsilonInRoot(AdamTF):
    """Adam with epsilon under the root, where RMSprop of TensorFlow has it."""

    def _update(
        self, parameter: Tensor, gradient: Tensor, state: dict[str, Any], group: dict[str, Any]
    ) -> None:
        # The same step, divided by the wrong root instead of the right one.
        before = parameter.clone()
        super()._update(parameter, gradient, state, group)
        epsilon, mean_square = as_float32(group["eps"]), state["mean_square"]
        wrong = (mean_square.sqrt() + epsilon) / (mean_square + epsilon).sqrt()
        parameter.copy_(torch.lerp(before, parameter, wrong))
