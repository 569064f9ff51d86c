"""Layers that compute in less than float32 where float32 is asked for. Float64 cannot show it."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from port.head import ClipMean as HeadMean
from port.layers import BatchNorm, ClipMean, Conv2d, DepthwiseConv2d
from verify.diagnosis.fault import Fault, behaves, is_a

Right = Callable[[Tensor], Tensor]
# TensorFloat-32 keeps ten of float32's 23 bits.
TF32_BITS = 13


def _through(dtype: torch.dtype) -> Callable[[nn.Module, Right, Tensor], Tensor]:
    """What autocast does: rounds on the way in and on the way out."""

    def wrong(module: nn.Module, right: Right, x: Tensor) -> Tensor:
        if x.dtype != torch.float32:
            return right(x)
        return right(x.to(dtype).float()).to(dtype).float()

    return wrong


def _through_tf32(module: nn.Module, right: Right, x: Tensor) -> Tensor:
    if x.dtype != torch.float32:
        return right(x)
    half = 1 << (TF32_BITS - 1)
    bits = (x.contiguous().view(torch.int32) + half) >> TF32_BITS << TF32_BITS
    return right(bits.view(torch.float32))


PRODUCTS = is_a(Conv2d, DepthwiseConv2d, nn.Linear)
OTHERS = is_a(BatchNorm, ClipMean, HeadMean)
FAULTS = (
    Fault("products in bfloat16", PRODUCTS, behaves(_through(torch.bfloat16))),
    Fault("products in float16", PRODUCTS, behaves(_through(torch.float16))),
    Fault("products in TensorFloat-32", PRODUCTS, behaves(_through_tf32)),
    Fault("norms and means in bfloat16", OTHERS, behaves(_through(torch.bfloat16))),
    Fault("norms and means in float16", OTHERS, behaves(_through(torch.float16))),
)
