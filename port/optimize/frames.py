"""Pooling over time, frame by frame.

A window holds few frames, and those of padding count for nothing: their maximum or mean is that of
whole frames, without transposing or padding any. Assumes `channels_last`, in which frames stay.
"""

from functools import reduce

import torch
from torch import Tensor, nn

from port.layers import TemporalPool
from port.model import TinyVideoNet
from port.tf_semantics import same_output_size, same_padding


class FramePool(nn.Module):
    """`TemporalPool`, of whole frames."""

    def __init__(self, pool: TemporalPool) -> None:
        super().__init__()
        kernel, stride = pool.kernel[0], pool.stride[0]
        first, _ = same_padding(pool.frames, kernel, stride)
        starts = [index * stride - first for index in range(same_output_size(pool.frames, stride))]
        self.windows = [range(max(s, 0), min(s + kernel, pool.frames)) for s in starts]
        self.kind, self.frames, self.tap_name = pool.kind, pool.frames, pool.tap_name

    def forward(self, x: Tensor) -> Tensor:
        """`[B*T, C, H, W]` to `[B*ceil(T / stride), C, H, W]`."""
        frames = x.permute(0, 2, 3, 1).unflatten(0, (-1, self.frames)).unbind(1)
        pooled = [self._pool([frames[index] for index in window]) for window in self.windows]
        joined = pooled[0] if len(pooled) == 1 else torch.stack(pooled, 1).flatten(0, 1)
        return joined.permute(0, 3, 1, 2)

    def _pool(self, frames: list[Tensor]) -> Tensor:
        if self.kind == "maxpool":
            return reduce(torch.maximum, frames)
        return reduce(torch.add, frames) / len(frames)


def pool_frames(net: TinyVideoNet) -> None:
    """Pool over time frame by frame."""
    for module in list(net.modules()):
        for name, layer in module.named_children():
            if isinstance(layer, TemporalPool):
                setattr(module, name, FramePool(layer))
