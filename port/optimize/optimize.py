"""`port.optimize`: all passes, one after the other, on a copy."""

from typing import Any, cast

import torch
from torch import Tensor

from port.errors import InputError
from port.fold import fold_batch_norms
from port.model import TinyVideoNet
from port.optimize.convolutions import join_activations
from port.optimize.frames import pool_frames
from port.optimize.gates import move_gates
from port.optimize.kernel.build import load_kernel
from port.optimize.pointwise import multiply_pixels
from port.optimize.products import split_products
from port.optimize.skips import join_skips

UNITS = ("auto", "plain", "bfloat16")
PASSES = (move_gates, multiply_pixels, join_skips, join_activations, pool_frames)


class OptimizedNet(TinyVideoNet):
    """A rewritten net, for inference alone.

    Attributes:
        units: `bfloat16` where the kernel multiplies, `plain` where PyTorch does.
        low: computes under bfloat16 autocast, for want of a kernel that does.
    """

    units: str = "plain"
    low: bool = False

    @torch.no_grad()
    def forward(self, x: Tensor) -> Tensor:
        """See `TinyVideoNet`; there are no gradients."""
        # Whatever surrounds it: the kernel takes float32.
        with torch.autocast("cpu", torch.bfloat16, enabled=self.low):
            return super().forward(x).to(x.dtype)

    def forward_features(self, x: Tensor) -> Tensor:
        """See `TinyVideoNet`; images are in `channels_last` throughout."""
        self._check_input(x)
        return super().forward_features(x.contiguous(memory_format=torch.channels_last_3d))


def optimize(
    net: TinyVideoNet,
    *,
    dtype: torch.dtype | None = None,
    units: str = "auto",
    compile: bool = False,
) -> TinyVideoNet:
    """A copy of `net` that computes the same function in inference, faster.

    Args:
        net: of float32 or float64; stays as it is.
        dtype: float32 or float64; bfloat16 multiplies in bfloat16 and keeps all else in float32.
            The net's own if None.
        units: what multiplies matrices in float32. `bfloat16`: the processor's units of that name,
            on numbers taken apart so that nothing of float32 is lost; `plain`: PyTorch's own
            products; `auto`: the former where they are to be had.
        compile: by `torch.compile`, at the first call of each shape; takes a C++ compiler.

    Raises:
        InputError: there is no such `dtype` or `units`, or not on this machine.
    """
    own = next(net.parameters()).dtype
    dtype = own if dtype is None else dtype
    if dtype not in (torch.float32, torch.float64, torch.bfloat16) or own is torch.bfloat16:
        raise InputError(f"a net of {own} as {dtype}: only float32, float64 and bfloat16 of these")
    if units not in UNITS:
        raise InputError(f"units {units!r}; there are {', '.join(UNITS)}")
    low = dtype is torch.bfloat16
    fast = rewrite(net)
    fast.to(torch.float32 if low else dtype)
    splits = dtype is not torch.float64 and units != "plain" and load_kernel() is not None
    if units == "bfloat16" and not splits:
        raise InputError("units 'bfloat16': not on this machine, or not in float64; use plain")
    if splits:
        split_products(fast, bfloat16=low)
        fast.units = "bfloat16"
    fast.low = low and not splits
    if compile:
        fast.compile(dynamic=False)
    return fast


def rewrite(net: TinyVideoNet) -> OptimizedNet:
    """A copy after the exact passes alone, in the net's own precision."""
    fast = fold_batch_norms(net).requires_grad_(False)
    for apply in PASSES:
        apply(fast)
    cast(Any, fast).__class__ = OptimizedNet
    return cast(OptimizedNet, fast)
