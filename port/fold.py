"""Batch norms folded into the convolutions in front of them, for inference."""

import copy
from typing import cast

import torch
from torch import nn

from port.layers import BatchNorm, Conv2d, DepthwiseConv2d
from port.model import TinyVideoNet


def fold_batch_norms(net: TinyVideoNet) -> TinyVideoNet:
    """A copy of `net`, in evaluation mode, whose convolutions do what batch norm did behind them.

    The same function up to rounding: scale and shift are computed in float64 and rounded once to
    the net's precision. The taps of those convolutions are gone; what a folded convolution gives
    is the tap of its batch norm.
    """
    net = copy.deepcopy(net).eval()
    for parent in net.modules():
        if isinstance(norm := getattr(parent, "norm", None), BatchNorm):
            conv = cast(Conv2d | DepthwiseConv2d, parent.conv)
            _fold(conv, norm)
            del conv.tap_name
            parent.norm = nn.Identity()
            parent.norm.tap_name = norm.tap_name
    return net


@torch.no_grad()
def _fold(conv: Conv2d | DepthwiseConv2d, norm: BatchNorm) -> None:
    """norm(w * x) = (s w) * x + (beta - s mean), with s = gamma / sqrt(variance + epsilon)."""
    assert norm.running_mean is not None and norm.running_var is not None
    scale = norm.weight.double() / torch.sqrt(norm.running_var.double() + norm.eps)
    shift = norm.bias.double() - scale * norm.running_mean.double()
    weight = conv.weight.double() * scale[:, None, None, None]
    conv.weight = nn.Parameter(weight.to(conv.weight.dtype))
    conv.bias = nn.Parameter(shift.to(conv.weight.dtype))
