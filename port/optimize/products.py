"""Products by the processor's bfloat16 units: as exact as float32's own, or in bfloat16.

Which products gain by it was measured (docs/speed.md): those with enough outputs to pay for taking
their inputs apart.
"""

from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from port.layers import Conv2d, TemporalConv
from port.model import TinyVideoNet
from port.optimize.convolutions import ActivatedConv
from port.optimize.kernel.split_linear import ACTIVATIONS, BFLOAT16, EXACT, STEP, pack
from port.optimize.pointwise import Pointwise
from port.tf_semantics import same_output_size, same_padding

LEAST_OUTPUTS = 32
LEAST_WIDTH = 16  # pixels of a row of a convolution's output: the kernel's tiles have as many


class SplitPointwise(Pointwise):
    """A `Pointwise` in float32 by the kernel."""

    def __init__(self, product: Pointwise, terms: int) -> None:
        nn.Module.__init__(self)
        self.outputs, self.terms = len(product.weight), terms
        self.register_buffer("packed", pack(product.weight, terms))
        self.bias, self.shift = product.bias, product.shift
        self.act, self.overwrites = product.act, product.overwrites
        if name := getattr(product, "tap_name", None):
            self.tap_name = name

    def multiply(
        self,
        rows: Tensor,
        gate_in: Tensor | None,
        gate_out: Tensor | None,
        add: Tensor | None,
        act: str | None,
    ) -> Tensor:
        """See `Pointwise`."""
        number = ACTIVATIONS.index(act)
        product: Tensor = torch.ops.tvn.split_linear(
            rows, self.packed, self.outputs, self.bias, gate_in, gate_out, self.shift, add,
            number, self.terms,
        )  # fmt: skip
        return product


class SplitConv(nn.Module):
    """An `ActivatedConv` over space or time by the kernel; narrow images are left to PyTorch."""

    def __init__(self, plain: ActivatedConv, terms: int) -> None:
        super().__init__()
        self.plain, self.terms = plain, terms
        conv = self.conv = cast(Conv2d, plain.conv)
        self.frames = conv.frames if isinstance(conv, TemporalConv) else None
        self.act = ACTIVATIONS.index(plain.act_name)
        self.tap_name = plain.tap_name
        del plain.tap_name
        weight = conv.weight.permute(0, 2, 3, 1)
        weight = F.pad(weight, (0, -weight.shape[-1] % STEP))
        self.register_buffer("packed", pack(weight.flatten(1), terms))

    def forward(self, x: Tensor) -> Tensor:
        """As `ActivatedConv`."""
        conv, images = self.conv, x.permute(0, 2, 3, 1)
        if self.frames is not None:
            images = images.unflatten(0, (-1, self.frames)).flatten(2, 3)
        size = [same_output_size(images.shape[a + 1], conv.stride[a]) for a in (0, 1)]
        if size[1] < LEAST_WIDTH:
            return self.plain(x)
        before = [same_padding(images.shape[a + 1], conv.kernel[a], conv.stride[a])[0]
                  for a in (0, 1)]  # fmt: skip
        y: Tensor = torch.ops.tvn.split_convolution(
            images, self.packed, len(conv.weight), conv.bias, conv.kernel, conv.stride, before,
            size, self.act, self.terms,
        )  # fmt: skip
        if self.frames is not None:
            y = y.unflatten(2, x.shape[-2:]).flatten(0, 1)
        return y.permute(0, 3, 1, 2)


def split_products(net: TinyVideoNet, *, bfloat16: bool = False) -> None:
    """Let the kernel, which must be there, compute what it computes faster.

    Args:
        net: in float32, its products made.
        bfloat16: of the numbers that are multiplied; they are added up in float32.
    """
    terms = BFLOAT16 if bfloat16 else EXACT
    for module in list(net.modules()):
        for name, layer in module.named_children():
            if isinstance(layer, ActivatedConv) and isinstance(layer.conv, Conv2d):
                setattr(module, name, SplitConv(layer, terms))
            if type(layer) is Pointwise and len(layer.weight) >= LEAST_OUTPUTS:
                setattr(module, name, SplitPointwise(layer, terms))
