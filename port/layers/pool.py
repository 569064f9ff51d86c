"""Pooling with TensorFlow's SAME padding: what is padded never counts."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from port.layers.frames import flatten_time, unfold_time
from port.tf_semantics import pad_same


class SpatialPool(nn.Module):
    """Maximum or average over square windows; `kind` is `maxpool` or `avgpool`."""

    def __init__(self, kind: str, kernel: int, stride: int) -> None:
        super().__init__()
        self.kind, self.kernel, self.stride = kind, (kernel, kernel), (stride, stride)

    def forward(self, x: Tensor) -> Tensor:
        """`[N, C, H, W]` to `[N, C, ceil(H / stride), ceil(W / stride)]`."""
        return _POOLS[self.kind](x, self.kernel, self.stride)


class TemporalPool(nn.Module):
    """Maximum or average over windows of frames."""

    def __init__(self, kind: str, kernel: int, stride: int, frames: int) -> None:
        super().__init__()
        self.kind, self.kernel, self.stride = kind, (kernel, 1), (stride, 1)
        self.frames = frames

    def forward(self, x: Tensor) -> Tensor:
        """`[B*T, C, H, W]` to `[B*ceil(T / stride), C, H, W]`."""
        pooled = _POOLS[self.kind](unfold_time(x, self.frames), self.kernel, self.stride)
        return flatten_time(pooled, x.shape)


def max_pool(x: Tensor, kernel: tuple[int, int], stride: tuple[int, int]) -> Tensor:
    """Maximum over each window's elements of `x` `[N, C, H, W]`; padding is minus infinity."""
    return F.max_pool2d(pad_same(x, kernel, stride, value=-torch.inf), kernel, stride)


def average_pool(x: Tensor, kernel: tuple[int, int], stride: tuple[int, int]) -> Tensor:
    """Mean over each window's elements of `x` `[N, C, H, W]`; padding is not counted.

    `F.avg_pool2d(count_include_pad=False)` pads both sides alike, which SAME does not.
    """
    sums = F.avg_pool2d(pad_same(x, kernel, stride), kernel, stride, divisor_override=1)
    ones = pad_same(x.new_ones(1, 1, *x.shape[-2:]), kernel, stride)
    return sums / F.avg_pool2d(ones, kernel, stride, divisor_override=1)


_POOLS = {"maxpool": max_pool, "avgpool": average_pool}
