"""Gates computed before what they scale, and multiplied into a product instead of into pixels.

In front of the gates stands a 1x1 convolution without activation, `y = W p + b`. A gate reads the
mean of `y` over a clip, and the mean commutes with what is linear: `mean(y) = W mean(p) + b`. So
the gates need the mean of `p` alone, which has a fraction of the channels, and their first layer
takes it directly: `V (W m + b) + c = (V W) m + (V b + c)`. Scaled, `g y = (g W) p + g b`.

With an inverted bottleneck the convolution comes behind: `P (g y) + b = (P g) y + b`.

Assumes batch norms folded. Where neither stands beside the gates, they stay as they are.
"""

from typing import Any, cast

import torch
from torch import Tensor, nn

from port.layers import Conv2d
from port.layers.frames import split_time
from port.model import TinyVideoNet
from port.optimize.pointwise import Pointwise, constant, is_pointwise, pointwise_of
from port.path import ConvNorm, Gate

GATES = ("squeeze_excite", "context_gate")


class ClipGates(nn.Module):
    """What a clip's gates come to together, from a mean over the clip.

    Args:
        gates: one or two, in order.
        wide: what leads from the mean that is given to the mean that gates read; None: nothing.
    """

    def __init__(self, gates: list[Gate], wide: Pointwise | None = None) -> None:
        super().__init__()
        self.gates = nn.ModuleList(_linear_layers(gate) for gate in gates)
        # A first layer that takes what is narrower reads fewer weights.
        self.direct = wide is not None and wide.weight.shape[1] <= wide.weight.shape[0]
        if wide is not None and self.direct:
            first = cast(nn.Linear, cast(nn.Sequential, self.gates[0])[0])
            cast(nn.Sequential, self.gates[0])[0] = _composed(first, wide)
        needed = wide is not None and (not self.direct or len(gates) > 1)
        self.wide = _linear_of(wide) if wide is not None and needed else None

    def forward(self, mean: Tensor) -> Tensor:
        """`[B, C]` to what scales each of the channels, `[B, width]`."""
        wide = mean if self.wide is None else self.wide(mean)
        scale: Tensor | None = None
        for index, gate in enumerate(self.gates):
            if index == 0 and self.direct:
                scale = gate(mean)
            else:
                scale = gate(wide) if scale is None else scale * gate(wide * scale)
        assert scale is not None
        return scale


class GatedExpansion(nn.Module):
    """The expansion and the gates behind it."""

    def __init__(self, expand: Pointwise, gates: list[Gate]) -> None:
        super().__init__()
        self.frames = gates[0].mean.frames
        self.gates, self.product = ClipGates(gates, expand), expand

    def forward(self, x: Tensor, add: Tensor | None = None) -> Tensor:
        """`[B*T, C, H, W]` to `[B*T, C', H, W]`; `add` as in `Pointwise`."""
        return self.product(x, gate_out=self.gates(clip_mean(x, self.frames)), add=add)


class GatedProjection(nn.Module):
    """The gates and the projection behind them, of an inverted bottleneck."""

    def __init__(self, gates: list[Gate], project: Pointwise) -> None:
        super().__init__()
        self.frames = gates[0].mean.frames
        self.gates, self.product = ClipGates(gates), project

    def forward(self, x: Tensor, add: Tensor | None = None) -> Tensor:
        """`[B*T, C, H, W]` to `[B*T, C', H, W]`; `add` as in `Pointwise`."""
        return self.product(x, gate_in=self.gates(clip_mean(x, self.frames)), add=add)


def move_gates(net: TinyVideoNet) -> None:
    """Put the gates of every path into the product beside them."""
    for module in list(net.modules()):
        path = getattr(module, "path", None)
        if isinstance(path, nn.Sequential):
            module.path = _moved(path)


def _moved(path: nn.Sequential) -> nn.Sequential:
    layers = dict(path.named_children())
    gates = [cast(Gate, layers[name]) for name in GATES if name in layers]
    if not gates:
        return path
    kept = {name: layer for name, layer in layers.items() if name not in GATES}
    if "project" in layers:
        project = pointwise_of(cast(ConvNorm, layers["project"]))
        made: nn.Module = GatedProjection(gates, project)
        made.tap_name = project.tap_name
        kept["project"] = made
    elif "expand" in layers:
        made = GatedExpansion(pointwise_of(cast(ConvNorm, layers["expand"])), gates)
        made.tap_name = cast(Any, gates[-1].scale).tap_name
        kept["expand"] = made
    else:
        return path
    del cast(Pointwise, made.product).tap_name
    moved = nn.Sequential()
    for name, layer in kept.items():
        moved.add_module(name, layer)
    return moved


def clip_mean(x: Tensor, frames: int) -> Tensor:
    """The mean over a clip's frames and pixels: `[B*T, C, H, W]` to `[B, C]`."""
    return split_time(x, frames).mean((1, 3, 4))


def _linear_layers(gate: Gate) -> nn.Sequential:
    """The gate's convolutions, which see one pixel a clip, as linear layers."""
    layers = nn.Sequential()
    for layer in gate.layers:
        if isinstance(layer, Conv2d):
            assert is_pointwise(layer) and layer.bias is not None
            layers.append(_linear(layer.weight.flatten(1), layer.bias))
        else:
            layers.append(nn.ReLU(inplace=True) if isinstance(layer, nn.ReLU) else nn.Sigmoid())
    return layers


def _linear_of(product: Pointwise) -> nn.Linear:
    assert product.bias is not None
    return _linear(product.weight, product.bias)


def _linear(weight: Tensor, bias: Tensor) -> nn.Linear:
    made = nn.Linear(weight.shape[1], weight.shape[0], device="meta")
    made.weight, made.bias = constant(weight), constant(bias)
    return made


@torch.no_grad()
def _composed(second: nn.Linear, first: Pointwise) -> nn.Linear:
    """One layer that does what `first` and then `second` do; put together in float64."""
    assert first.bias is not None
    weight = second.weight.double() @ first.weight.double()
    bias = second.weight.double() @ first.bias.double() + second.bias.double()
    return _linear(weight.to(second.weight.dtype), bias.to(second.bias.dtype))
