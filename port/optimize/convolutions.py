"""The other convolutions with their activation, which is written over what it reads.

Assumes batch norms folded.
"""

from typing import Any, cast

from torch import Tensor, nn

from port.layers import Conv2d, DepthwiseConv2d
from port.model import TinyVideoNet
from port.optimize.pointwise import activated
from port.path import ConvNorm


class ActivatedConv(nn.Module):
    """A convolution and its activation; only the latter is a tap."""

    def __init__(self, layer: ConvNorm) -> None:
        super().__init__()
        assert isinstance(layer.conv, Conv2d | DepthwiseConv2d)
        self.conv = layer.conv
        self.act_name = "relu" if isinstance(layer.act, nn.ReLU) else "hswish"
        self.tap_name = cast(Any, layer.act).tap_name

    def forward(self, x: Tensor) -> Tensor:
        """`[N, C, H, W]` to what the convolution gives."""
        y = self.conv(x)
        return activated(y, self.act_name)


def join_activations(net: TinyVideoNet) -> None:
    """Make one module of each convolution and the activation behind it."""
    for module in list(net.modules()):
        for name, layer in module.named_children():
            if isinstance(layer, ConvNorm) and hasattr(layer, "act"):
                setattr(module, name, ActivatedConv(layer))
