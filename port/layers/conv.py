"""Convolutions with TensorFlow's SAME padding, over space and over time."""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from port.layers.frames import flatten_time, unfold_time
from port.tf_semantics import VARIANCE_SCALING_CORRECTION, pad_uneven


class Conv2d(nn.Module):
    """A convolution over height and width; `weight` `[out, in, kh, kw]`."""

    def __init__(
        self,
        in_width: int,
        out_width: int,
        kernel: tuple[int, int] = (1, 1),
        stride: tuple[int, int] = (1, 1),
        bias: bool = False,
    ) -> None:
        super().__init__()
        self.kernel, self.stride = kernel, stride
        self.weight = nn.Parameter(torch.empty(out_width, in_width, *kernel))
        self.bias = nn.Parameter(torch.empty(out_width)) if bias else None

    def forward(self, x: Tensor) -> Tensor:
        """`[N, C, H, W]` to `[N, out, ceil(H / stride), ceil(W / stride)]`."""
        x, padding = pad_uneven(x, self.kernel, self.stride)
        return F.conv2d(x, self.weight, self.bias, self.stride, padding)

    def reset_parameters(self) -> None:
        """Initialise as published: truncated normal of variance 1.3 * 2 / fan-in, bias 0."""
        init_variance_scaling_(self.weight, fan_in=self.weight[0].numel())
        if self.bias is not None:
            nn.init.zeros_(self.bias)


class DepthwiseConv2d(nn.Module):
    """One square filter a channel; `weight` `[C, 1, k, k]`."""

    def __init__(self, width: int, kernel: int, stride: int) -> None:
        super().__init__()
        self.kernel, self.stride = (kernel, kernel), (stride, stride)
        self.weight = nn.Parameter(torch.empty(width, 1, kernel, kernel))
        self.bias: nn.Parameter | None = None  # only a folded batch norm gives it one

    def forward(self, x: Tensor) -> Tensor:
        """`[N, C, H, W]` to `[N, C, ceil(H / stride), ceil(W / stride)]`."""
        x, padding = pad_uneven(x, self.kernel, self.stride)
        groups = len(self.weight)
        return F.conv2d(x, self.weight, self.bias, self.stride, padding, groups=groups)

    def reset_parameters(self) -> None:
        """Initialise as published, where the fan-in counts all channels' weights."""
        init_variance_scaling_(self.weight, fan_in=self.weight.numel())


class TemporalConv(Conv2d):
    """A convolution over time alone; `weight` `[out, in, k, 1]`, `frames` of a clip adjacent."""

    def __init__(
        self, in_width: int, out_width: int, kernel: int, stride: int, frames: int
    ) -> None:
        super().__init__(in_width, out_width, (kernel, 1), (stride, 1))
        self.frames = frames

    def forward(self, x: Tensor) -> Tensor:
        """`[B*T, C, H, W]` to `[B*ceil(T / stride), out, H, W]`."""
        return flatten_time(super().forward(unfold_time(x, self.frames)), x.shape)


def init_variance_scaling_(weight: Tensor, fan_in: int) -> None:
    """Fill `weight` like `contrib.layers.variance_scaling_initializer(factor=2, mode=FAN_IN)`."""
    deviation = math.sqrt(VARIANCE_SCALING_CORRECTION * 2 / fan_in)
    nn.init.trunc_normal_(weight, std=deviation, a=-2 * deviation, b=2 * deviation)
