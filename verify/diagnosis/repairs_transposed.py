"""Repairs of transposed convolutions: other crops, steps, gaps."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from torch import Tensor, nn
from torch.nn import functional as F

from verify.diagnosis.cause import Repair
from verify.diagnosis.fault import Plant, behaves, with_values
from verify.diagnosis.repairs_sliding import each_step
from verify.diagnosis.windows import Sizes, Window, dims_of, sizes, told, window_of


def transposed_repairs(module: nn.Module) -> Iterator[Repair]:
    """Other crops, steps or gaps of a transposed convolution."""
    own, dims = window_of(module), dims_of(module)
    padding, behind = (sizes(getattr(module, name), dims) for name in ("padding", "output_padding"))
    had = told(padding), told(tuple(p - b for p, b in zip(padding, behind, strict=True)))
    for more in (0, 1):
        if sizes(more, dims) != behind:
            plant = with_values(output_padding=_always(sizes(more, dims)))
            yield Repair(f"output_padding {told(behind)} instead of {more}", plant)
    for same in (True, False):
        crops = _crops(own, same)
        fronts, ends = (told(tuple(pair[side] for pair in crops)) for side in (0, 1))
        what = f"crops {had[0]} in front and {had[1]} behind instead of {fronts} and {ends}"
        yield Repair(what, _spreading(own, same))
        for stride in each_step(dims):
            if stride != own.stride:
                what = f"stride {told(own.stride)} instead of {told(stride)}"
                yield Repair(what, _spreading(replace(own, stride=stride), same))
        for dilation in each_step(dims):
            if dilation != own.dilation:
                what = f"dilation {told(own.dilation)} instead of {told(dilation)}"
                yield Repair(what, _spreading(replace(own, dilation=dilation), same))


def _crops(window: Window, same: bool) -> list[tuple[int, int]]:
    """What SAME takes away of the whole, in front and behind; VALID takes nothing."""
    pairs = zip(window.extent, window.stride, strict=True)
    totals = [max(extent - stride, 0) if same else 0 for extent, stride in pairs]
    return [(total // 2, total - total // 2) for total in totals]


def _spreading(window: Window, same: bool) -> Plant:
    def wrong(module: Any, right: Callable[..., Tensor], x: Tensor) -> Tensor:
        spread = getattr(F, f"conv_transpose{len(window.kernel)}d")
        y: Tensor = spread(
            x, module.weight, module.bias, window.stride, 0, 0, module.groups, window.dilation
        )
        for axis, (front, behind) in enumerate(_crops(window, same), 2):
            y = y.narrow(axis, front, y.shape[axis] - front - behind)
        return y

    return behaves(wrong)


def _always(value: Sizes) -> Callable[[Any], Sizes]:
    return lambda _: value
