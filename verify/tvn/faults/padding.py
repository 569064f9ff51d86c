"""Padding that is not TensorFlow's SAME: in convolutions and pools, over space and over time."""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from port.layers import Conv2d, DepthwiseConv2d, SpatialPool, TemporalConv, TemporalPool
from port.layers.frames import flatten_time, unfold_time
from port.tf_semantics import same_padding
from verify.diagnosis.fault import Fault, Site, behaves

# How many elements to put (before, behind) an axis, from its size, the kernel and the stride.
Padding = Callable[[int, int, int], tuple[int, int]]
Sliding = Conv2d | DepthwiseConv2d | SpatialPool | TemporalConv | TemporalPool


def _other_side(size: int, kernel: int, stride: int) -> tuple[int, int]:
    before, behind = same_padding(size, kernel, stride)
    return behind, before


def _symmetric(size: int, kernel: int, stride: int) -> tuple[int, int]:
    return kernel // 2, kernel // 2


def _valid(size: int, kernel: int, stride: int) -> tuple[int, int]:
    return 0, 0


def _for_all_sizes(size: int, kernel: int, stride: int) -> tuple[int, int]:
    """What is right where the stride divides the size."""
    total = max(kernel - stride, 0)
    return total // 2, total - total // 2


def _as_without_stride(size: int, kernel: int, stride: int) -> tuple[int, int]:
    """As if every output were computed and only every stride-th taken."""
    return same_padding(size, kernel, 1)


def _causal(size: int, kernel: int, stride: int) -> tuple[int, int]:
    return sum(same_padding(size, kernel, stride)), 0


def slide(module: Sliding, x: Tensor, padding: Padding) -> Tensor:
    """What the layer computes with another padding."""
    if not isinstance(module, TemporalConv | TemporalPool):
        return _slide(module, x, padding)
    return flatten_time(_slide(module, unfold_time(x, module.frames), padding), x.shape)


def _slide(module: Sliding, x: Tensor, padding: Padding) -> Tensor:
    kernel, stride = module.kernel, module.stride
    rows = padding(x.shape[-2], kernel[0], stride[0])
    columns = padding(x.shape[-1], kernel[1], stride[1])
    pads = (*columns, *rows)
    if isinstance(module, Conv2d | DepthwiseConv2d):
        groups = len(module.weight) if isinstance(module, DepthwiseConv2d) else 1
        return F.conv2d(F.pad(x, pads), module.weight, module.bias, stride, groups=groups)
    if module.kind == "maxpool":
        return F.max_pool2d(F.pad(x, pads, value=-torch.inf), kernel, stride)
    ones = F.pad(x.new_ones(1, 1, *x.shape[-2:]), pads)
    sums, counts = (
        F.avg_pool2d(each, kernel, stride, divisor_override=1) for each in (F.pad(x, pads), ones)
    )
    return sums / counts


def _padded(padding: Padding) -> Callable[..., Tensor]:
    def wrong(module: Sliding, right: Callable[..., Tensor], x: Tensor) -> Tensor:
        return slide(module, x, padding)

    return wrong


def _can_differ(wrong: Padding) -> Callable[[Sliding], bool]:
    """Whether this padding is another than SAME's at any size."""

    def differs(module: Sliding) -> bool:
        axes = list(zip(module.kernel, module.stride, strict=True))
        if isinstance(module, TemporalConv | TemporalPool):
            return wrong(module.frames, *axes[0]) != same_padding(module.frames, *axes[0])
        return any(
            wrong(size, *axis) != same_padding(size, *axis)
            for axis in axes
            for size in range(1, 30)
        )

    return differs


WRONG = {
    "on the other side": (_padded(_other_side), _can_differ(_other_side)),
    "symmetric": (_padded(_symmetric), _can_differ(_symmetric)),
    "VALID": (_padded(_valid), _can_differ(_valid)),
    "the same for all sizes": (_padded(_for_all_sizes), _can_differ(_for_all_sizes)),
    "as without a stride": (_padded(_as_without_stride), _can_differ(_as_without_stride)),
}
KINDS: dict[str, Callable[[nn.Module], bool]] = {
    "": lambda module: type(module) is Conv2d,
    "depthwise ": lambda module: isinstance(module, DepthwiseConv2d),
    "pool's ": lambda module: isinstance(module, SpatialPool),
    "temporal ": lambda module: isinstance(module, TemporalConv | TemporalPool),
}


def _applies(
    kind: Callable[[nn.Module], bool], differs: Callable[[Sliding], bool]
) -> Callable[[Site], bool]:
    return lambda site: kind(site.module) and differs(site.module)  # type: ignore[arg-type]


FAULTS = (
    *(
        Fault(f"{prefix}padding {name}", _applies(kind, differs), behaves(wrong))
        for prefix, kind in KINDS.items()
        for name, (wrong, differs) in WRONG.items()
    ),
    Fault(
        "temporal padding causal",
        _applies(KINDS["temporal "], _can_differ(_causal)),
        behaves(_padded(_causal)),
    ),
)
