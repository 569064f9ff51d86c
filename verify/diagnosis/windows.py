"""What slides over a signal, an image or a video: how large, in which steps, its padding."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from port.tf_semantics import same_padding

Sizes = tuple[int, ...]
Pads = tuple[tuple[int, int], ...]
Padding = Callable[[int, int, int], tuple[int, int]]


@dataclass(frozen=True, slots=True)
class Window:
    """Of a module that slides, along each axis."""

    kernel: Sizes
    stride: Sizes
    dilation: Sizes

    @property
    def extent(self) -> Sizes:
        """How far it reaches."""
        pairs = zip(self.kernel, self.dilation, strict=True)
        return tuple((kernel - 1) * dilation + 1 for kernel, dilation in pairs)

    def pads(self, padding: Padding, x: Tensor) -> Pads:
        """What `padding` puts in front of and behind `x` `[N, C, ...]`, along each axis."""
        each = zip(x.shape[2:], self.extent, self.stride, strict=True)
        return tuple(padding(*sizes) for sizes in each)


# Computes what a module does for `x`, padded so, with this window.
Slide = Callable[[Any, Tensor, Pads, Window], Tensor]


def dims_of(module: nn.Module) -> int:
    """Over how many axes a module slides; 0 if it does not."""
    weight = getattr(module, "weight", None)
    if isinstance(weight, Tensor):
        return max(weight.ndim - 2, 0)
    if getattr(module, "kind", None) in ("maxpool", "avgpool"):
        return 2
    name = type(module).__name__
    return int(name[-2]) if name[-2:] in ("1d", "2d", "3d") and "Pool" in name else 0


def window_of(module: nn.Module) -> Window:
    """As a module has it."""
    dims, weight = dims_of(module), getattr(module, "weight", None)
    kernel = getattr(module, "kernel_size", None) or getattr(module, "kernel", 1)
    if isinstance(weight, Tensor):
        kernel = tuple(weight.shape[2:])
    own = (kernel, getattr(module, "stride", 1), getattr(module, "dilation", 1))
    return Window(*(sizes(value, dims) for value in own))


def sizes(value: Any, dims: int) -> Sizes:
    """One for each axis."""
    if isinstance(value, int):
        return (value,) * dims
    found = tuple(int(each) for each in value)
    return found * dims if len(found) == 1 else found


def told(values: Sizes) -> str:
    """One number if they are all the same."""
    return str(values[0]) if len({*values}) == 1 else ", ".join(map(str, values))


def padded(x: Tensor, pads: Pads, value: float = 0.0) -> Tensor:
    """As `F.pad` has it, which begins with the last axis."""
    return F.pad(x, [size for pair in reversed(pads) for size in pair], value=value)


def convolve(module: Any, x: Tensor, pads: Pads, window: Window) -> Tensor:
    """A convolution of its weights."""
    groups = x.shape[1] // module.weight.shape[1]
    conv = getattr(F, f"conv{len(pads)}d")
    made: Tensor = conv(
        padded(x, pads), module.weight, module.bias, window.stride, 0, window.dilation, groups
    )
    return made


def maxima(_: Any, x: Tensor, pads: Pads, window: Window) -> Tensor:
    """A pool, in which what is padded does not count."""
    pool = getattr(F, f"max_pool{len(pads)}d")
    made: Tensor = pool(
        padded(x, pads, -torch.inf), window.kernel, window.stride, 0, window.dilation
    )
    return made


def averages(_: Any, x: Tensor, pads: Pads, window: Window) -> Tensor:
    """Likewise."""
    pool = getattr(F, f"avg_pool{len(pads)}d")
    ones = x.new_ones(1, 1, *x.shape[2:])
    own, full = (pool(padded(e, pads), window.kernel, window.stride) for e in (x, ones))
    made: Tensor = own / full
    return made


def averages_counting(_: Any, x: Tensor, pads: Pads, window: Window) -> Tensor:
    """In which zeros that are padded count."""
    pool = getattr(F, f"avg_pool{len(pads)}d")
    made: Tensor = pool(padded(x, pads), window.kernel, window.stride)
    return made


def pool_of(module: nn.Module) -> Slide | None:
    """What a pool computes; None of what is no pool."""
    kind = getattr(module, "kind", None)
    if isinstance(module, nn.MaxPool1d | nn.MaxPool2d | nn.MaxPool3d) or kind == "maxpool":
        return maxima
    if isinstance(module, nn.AvgPool1d | nn.AvgPool2d | nn.AvgPool3d) or kind == "avgpool":
        return averages
    return None


def _same_other_side(size: int, kernel: int, stride: int) -> tuple[int, int]:
    before, behind = same_padding(size, kernel, stride)
    return behind, before


PADDINGS: dict[str, Padding] = {
    "SAME": same_padding,
    "SAME with the odd element in front": _same_other_side,
    "VALID": lambda size, kernel, stride: (0, 0),
    "symmetric": lambda size, kernel, stride: (kernel // 2, kernel // 2),
    "symmetric, rounded down": lambda size, kernel, stride: ((kernel - 1) // 2,) * 2,
}
CAUSAL: dict[str, Padding] = {"causal": lambda size, kernel, stride: (kernel - 1, 0)}
