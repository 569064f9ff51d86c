"""Mistakes that people make in ports, to be planted one at a time: a verifier must see each.

A fault sits in one layer, named by its tap, and is taken out again when its `with` block ends.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from port.layers import BatchNorm, ClipMean, Conv2d, DepthwiseConv2d, SpatialPool, TemporalConv
from port.layers.activation import HardSwish
from port.taps import tapped_modules
from port.tf_semantics import HARD_SWISH_SCALE, same_padding

# Changes a module in place and returns what undoes the change.
Plant = Callable[[nn.Module], Callable[[], None]]


@dataclass(frozen=True, slots=True)
class Fault:
    """A mistake: what it is called, in which layers it can be made, and how.

    `applies` gets a tap's name and module; it holds only where the mistake changes the function
    that the layer computes, as far as that can be told from the layer alone.
    """

    name: str
    applies: Callable[[str, nn.Module], bool]
    plant: Plant

    def sites(self, net: nn.Module) -> list[str]:
        """The taps of `net` at which this fault can be planted."""
        return [name for name, module in tapped_modules(net).items() if self.applies(name, module)]

    @contextmanager
    def planted(self, net: nn.Module, tap: str) -> Iterator[None]:
        """Make the mistake in the layer of `tap`, and mend it afterwards."""
        undo = self.plant(tapped_modules(net)[tap])
        try:
            yield
        finally:
            undo()


def as_class(wrong: type[nn.Module]) -> Plant:
    """Let the module behave as `wrong`, a class with the same attributes."""

    def plant(module: nn.Module) -> Callable[[], None]:
        right = module.__class__
        module.__class__ = wrong

        def undo() -> None:
            module.__class__ = right

        return undo

    return plant


def with_values(**change: Callable[[Any], object]) -> Plant:
    """Set attributes to new values; those of parameters and buffers, in place."""

    def plant(module: nn.Module) -> Callable[[], None]:
        wrong = {name: make(module) for name, make in change.items()}
        right = {name: _get(module, name) for name in change}
        for name, value in wrong.items():
            _set(module, name, value)

        def undo() -> None:
            for name, value in right.items():
                _set(module, name, value)

        return undo

    return plant


def _get(module: nn.Module, name: str) -> object:
    value = getattr(module, name)
    return value.detach().clone() if isinstance(value, Tensor) else value


def _set(module: nn.Module, name: str, value: object) -> None:
    if isinstance(value, Tensor):
        with torch.no_grad():
            getattr(module, name).copy_(value)
    else:
        setattr(module, name, value)


def _pad_other_side(x: Tensor, module: Conv2d | DepthwiseConv2d) -> Tensor:
    top, bottom = same_padding(x.shape[-2], module.kernel[0], module.stride[0])
    left, right = same_padding(x.shape[-1], module.kernel[1], module.stride[1])
    return F.pad(x, (right, left, bottom, top))


class _PaddedOtherSide(Conv2d):
    def forward(self, x: Tensor) -> Tensor:
        return F.conv2d(_pad_other_side(x, self), self.weight, self.bias, self.stride)


class _DepthwisePaddedOtherSide(DepthwiseConv2d):
    def forward(self, x: Tensor) -> Tensor:
        groups = len(self.weight)
        x = _pad_other_side(x, self)
        return F.conv2d(x, self.weight, None, self.stride, groups=groups)


class _PaddingCounted(SpatialPool):
    def forward(self, x: Tensor) -> Tensor:
        top, bottom = same_padding(x.shape[-2], self.kernel[0], self.stride[0])
        left, right = same_padding(x.shape[-1], self.kernel[1], self.stride[1])
        return F.avg_pool2d(F.pad(x, (left, right, top, bottom)), self.kernel, self.stride)


class _Missing(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x


class _Uncapped(HardSwish):
    def forward(self, x: Tensor) -> Tensor:
        return x * F.relu(x + 3) * HARD_SWISH_SCALE


def _is(*kinds: type[nn.Module]) -> Callable[[str, nn.Module], bool]:
    return lambda name, module: isinstance(module, kinds)


def _is_padded_conv(name: str, module: nn.Module) -> bool:
    return type(module) is Conv2d and module.kernel != (1, 1)


def _averages(name: str, module: nn.Module) -> bool:
    return isinstance(module, SpatialPool) and module.kind == "avgpool" and module.kernel[0] > 1


def _sees_time(name: str, module: nn.Module) -> bool:
    return isinstance(module, ClipMean) and module.frames > 1


FAULTS = (
    Fault("padding on the other side", _is_padded_conv, as_class(_PaddedOtherSide)),
    Fault(
        "depthwise padding on the other side",
        _is(DepthwiseConv2d),
        as_class(_DepthwisePaddedOtherSide),
    ),
    Fault("padding counted in averages", _averages, as_class(_PaddingCounted)),
    Fault("batch-norm epsilon 1e-3", _is(BatchNorm), with_values(eps=lambda module: 1e-3)),
    Fault(
        "depthwise kernel transposed",
        _is(DepthwiseConv2d),
        with_values(weight=lambda module: module.weight.transpose(2, 3).clone()),
    ),
    Fault(
        "gamma and beta swapped",
        _is(BatchNorm),
        with_values(
            weight=lambda module: module.bias.clone(), bias=lambda module: module.weight.clone()
        ),
    ),
    Fault("missing ReLU", _is(nn.ReLU), as_class(_Missing)),
    Fault(
        "squeeze-and-excitation over a frame instead of a clip",
        _sees_time,
        with_values(frames=lambda module: 1),
    ),
    Fault("hard-swish without the cap", _is(HardSwish), as_class(_Uncapped)),
    Fault(
        "temporal kernel reversed",
        _is(TemporalConv),
        with_values(weight=lambda module: module.weight.flip(2)),
    ),
)
