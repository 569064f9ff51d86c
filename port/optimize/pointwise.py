"""A 1x1 convolution as the matrix product that it is in `channels_last`.

Assumes batch norms folded: a convolution with a bias, then at most an activation.
"""

from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from port.layers import Conv2d, TemporalConv, make_activation
from port.model import TinyVideoNet
from port.path import ConvNorm


class Pointwise(nn.Module):
    """`act(gate_out * (W (gate_in * x) + bias) + shift + add)` at every pixel.

    Args:
        weight: `[out, in]`.
        bias: `[out]`.
        act: an activation's name in a genotype, or None.

    Attributes:
        shift: `[out]`, which no gate scales; None for none.
        overwrites: write the result over `add`, which nobody else reads.
    """

    def __init__(self, weight: Tensor, bias: Tensor, act: str | None = None) -> None:
        super().__init__()
        self.weight = constant(weight)
        self.bias: nn.Parameter | None = constant(bias)
        self.shift: nn.Parameter | None = None
        self.act, self.overwrites = act, False

    def forward(
        self,
        x: Tensor,
        gate_in: Tensor | None = None,
        gate_out: Tensor | None = None,
        add: Tensor | None = None,
        *,
        activate: bool = True,
    ) -> Tensor:
        """`[N, in, H, W]` to `[N, out, H, W]` in `channels_last`.

        Args:
            x: the pixels.
            gate_in: `[clips, in]`; the frames of a clip are adjacent.
            gate_out: `[clips, out]`.
            add: `[N, out, H, W]`.
            activate: or leave the activation out.
        """
        images = x.permute(0, 2, 3, 1)
        rows = images.reshape(-1, images.shape[-1])
        extra = None if add is None else add.permute(0, 2, 3, 1).flatten(0, 2)
        y = self.multiply(rows, gate_in, gate_out, extra, self.act if activate else None)
        return y.view(*images.shape[:3], -1).permute(0, 3, 1, 2)

    def multiply(
        self,
        rows: Tensor,
        gate_in: Tensor | None,
        gate_out: Tensor | None,
        add: Tensor | None,
        act: str | None,
    ) -> Tensor:
        """The product itself: `rows` `[N*H*W, in]` to `[N*H*W, out]`.

        A gate goes into the weights, a copy of them for each clip: those are far fewer than pixels.
        """
        gate = gate_in if gate_in is not None else gate_out
        if gate is None:
            return activated(self._plain(rows, add), act)
        weight: Tensor = self.weight.t()
        bias: Tensor | None = self.bias
        if gate_in is not None:
            weight = gate_in[:, :, None] * weight
        if gate_out is not None:
            weight, bias = weight * gate_out[:, None], None if bias is None else bias * gate_out
        base = rows.new_zeros(1, 1) if bias is None else bias
        if self.shift is not None:
            base = base + self.shift
        base = base.expand(gate.shape[0], -1)[:, None]
        if add is not None:
            base = base + add.unflatten(0, (gate.shape[0], -1))
        y = torch.baddbmm(
            base, rows.unflatten(0, (gate.shape[0], -1)), weight.expand(gate.shape[0], -1, -1)
        )
        return activated(y.flatten(0, 1), act)

    def _plain(self, rows: Tensor, add: Tensor | None) -> Tensor:
        terms = [term for term in (self.bias, self.shift) if term is not None]
        if add is None:
            return F.linear(rows, self.weight, sum(terms) if terms else None)  # type: ignore[arg-type]
        if terms:
            return torch.addmm(sum(terms, add), rows, self.weight.t())
        return torch.addmm(add, rows, self.weight.t(), out=add if self.overwrites else None)


def activated(y: Tensor, act: str | None) -> Tensor:
    """`y` with the activation of that name, which may be written over it."""
    if act is None:
        return y
    return F.relu_(y) if act == "relu" else make_activation(act)(y)


def constant(tensor: Tensor) -> nn.Parameter:
    """A copy that is never trained."""
    return nn.Parameter(tensor.detach().clone(), requires_grad=False)


def multiply_pixels(net: TinyVideoNet) -> None:
    """Make a product of each 1x1 convolution with its activation, whose tap stands."""
    for module in list(net.modules()):
        for name, layer in module.named_children():
            if isinstance(layer, ConvNorm) and is_pointwise(layer.conv):
                setattr(module, name, pointwise_of(layer))


def is_pointwise(conv: object) -> bool:
    """Whether a convolution looks at one pixel of one frame alone, and at each of them."""
    return (
        isinstance(conv, Conv2d)
        and not isinstance(conv, TemporalConv)
        and conv.kernel == conv.stride == (1, 1)
    )


def pointwise_of(layer: ConvNorm) -> Pointwise:
    """The product that a 1x1 `ConvNorm` is, under the tap of its last part."""
    conv, act = layer.conv, getattr(layer, "act", None)
    assert isinstance(conv, Conv2d) and conv.bias is not None, "fold batch norms first"
    name = None if act is None else "relu" if isinstance(act, nn.ReLU) else "hswish"
    made = Pointwise(conv.weight.flatten(1), conv.bias, name)
    made.tap_name = cast(Any, layer.norm if act is None else act).tap_name
    return made
