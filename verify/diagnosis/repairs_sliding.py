"""Repairs of layers that slide over an image: other padding, another stride, the other pool."""

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from port.tf_semantics import same_padding
from verify.diagnosis.cause import Repair
from verify.diagnosis.fault import Plant, behaves

STRIDES = (1, 2, 3, 4)
Slide = Callable[[nn.Module, Tensor, tuple[int, ...], tuple[int, int]], Tensor]


def _pair(value: Any) -> tuple[int, int]:
    if isinstance(value, int):
        return value, value
    first, second = value
    return int(first), int(second)


def _kernel(module: nn.Module) -> tuple[int, int]:
    weight = getattr(module, "weight", None)
    if isinstance(weight, Tensor):
        dilation = _pair(getattr(module, "dilation", 1))
        height, width = weight.shape[2:]
        return (height - 1) * dilation[0] + 1, (width - 1) * dilation[1] + 1
    return _pair(getattr(module, "kernel_size", None) or getattr(module, "kernel", 1))


def convolve(module: Any, x: Tensor, pads: tuple[int, ...], stride: tuple[int, int]) -> Tensor:
    """A convolution's output for `x` `[N, C, H, W]`, padded so and with this stride."""
    groups = x.shape[1] // module.weight.shape[1]
    dilation = _pair(getattr(module, "dilation", 1))
    return F.conv2d(F.pad(x, pads), module.weight, module.bias, stride, 0, dilation, groups)


def pool_of(module: nn.Module) -> Slide | None:
    """What a pool computes; None of what is no pool."""
    kind = getattr(module, "kind", None)
    if isinstance(module, nn.MaxPool2d) or kind == "maxpool":
        return _maxima
    if isinstance(module, nn.AvgPool2d) or kind == "avgpool":
        return _averages
    return None


def _maxima(module: nn.Module, x: Tensor, pads: tuple[int, ...], stride: tuple[int, int]) -> Tensor:
    return F.max_pool2d(F.pad(x, pads, value=-torch.inf), _kernel(module), stride)


def _averages(
    module: nn.Module, x: Tensor, pads: tuple[int, ...], stride: tuple[int, int]
) -> Tensor:
    kernel, ones = _kernel(module), x.new_ones(1, 1, *x.shape[-2:])
    sums, counts = (
        F.avg_pool2d(F.pad(each, pads), kernel, stride, divisor_override=1) for each in (x, ones)
    )
    return sums / counts


def _averages_counting(
    module: nn.Module, x: Tensor, pads: tuple[int, ...], stride: tuple[int, int]
) -> Tensor:
    return F.avg_pool2d(F.pad(x, pads), _kernel(module), stride)


def paddings(module: nn.Module, slide: Slide, args: tuple[Any, ...]) -> Iterator[Repair]:
    """Each padding with the module's own stride; then with other strides."""
    if getattr(module, "frames", None) is not None:  # slides over more than it is fed
        return
    own = _pair(getattr(module, "stride", 1))
    for name, padding in PADDINGS.items():
        yield Repair(f"padding is not {name}", _sliding(slide, padding, own))
        if any(isinstance(x, Tensor) and x.ndim == 4 and max(_zeros_around(x)) for x in args):
            # Padded before it gets here, by what has no tap.
            plant = _sliding(slide, padding, own, _without_zeros_around)
            yield Repair(f"padding in front of it is not {name}", plant)
    for stride in STRIDES:
        if (stride, stride) != own:
            wrong = f"stride {own[0]} instead of {stride}"
            for name, padding in PADDINGS.items():
                plant = _sliding(slide, padding, (stride, stride))
                yield Repair(f"{wrong}, with padding {name}", plant)


def _zeros_around(x: Tensor) -> tuple[int, int, int, int]:
    """How many rows and columns of nothing but zeros: above, below, left, right."""
    rows, columns = ((x != 0).any(0).any(0).any(axis).nonzero().flatten() for axis in (1, 0))
    if not len(rows):
        return 0, 0, 0, 0
    height, width = x.shape[-2:]
    return (int(rows[0]), height - 1 - int(rows[-1]),
            int(columns[0]), width - 1 - int(columns[-1]))  # fmt: skip


def _without_zeros_around(x: Tensor) -> Tensor:
    above, below, left, right = _zeros_around(x)
    height, width = x.shape[-2:]
    return x[:, :, above : height - below, left : width - right]


def other_pools(module: nn.Module) -> Iterator[Repair]:
    """A maximum in place of an average, or the other way round."""
    own = _pair(getattr(module, "stride", 1))
    right = "average" if pool_of(module) is _maxima else "maximum"
    other = _averages if right == "average" else _maxima
    for name, padding in PADDINGS.items():
        yield Repair(f"not the {right}, with padding {name}", _sliding(other, padding, own))
    if right == "maximum":
        same = PADDINGS["SAME"]
        yield Repair("padding not counted", _sliding(_averages_counting, same, own))


def _sliding(
    slide: Slide,
    padding: Callable[..., tuple[int, int]],
    stride: Any,
    prepare: Callable[[Tensor], Tensor] = lambda x: x,
) -> Plant:
    def wrong(module: nn.Module, right: Callable[..., Tensor], x: Tensor) -> Tensor:
        kernel, x = _kernel(module), prepare(x)
        rows = padding(x.shape[-2], kernel[0], stride[0])
        columns = padding(x.shape[-1], kernel[1], stride[1])
        return slide(module, x, (*columns, *rows), stride)

    return behaves(wrong)


def _same_other_side(size: int, kernel: int, stride: int) -> tuple[int, int]:
    before, behind = same_padding(size, kernel, stride)
    return behind, before


PADDINGS: dict[str, Callable[[int, int, int], tuple[int, int]]] = {
    "SAME": same_padding,
    "SAME with the odd element in front": _same_other_side,
    "VALID": lambda size, kernel, stride: (0, 0),
    "symmetric": lambda size, kernel, stride: (kernel // 2, kernel // 2),
    "symmetric, rounded down": lambda size, kernel, stride: ((kernel - 1) // 2,) * 2,
}
