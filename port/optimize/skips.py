"""A skip added up inside its product, and a block's activation behind the last one.

A block ends in `act(W p + b + S x + s)`. The second product goes on from the sum of the first, so
the widest tensor of a block is written once, where it was written, read and written again.

Assumes batch norms folded, and 1x1 convolutions and gates made products. Sizes that the original
adds by repeating a single pixel are added so too.
"""

from typing import cast

from torch import Tensor, nn

from port.block import Block, Residual, check_summands
from port.model import TinyVideoNet
from port.optimize.gates import GatedExpansion, GatedProjection
from port.optimize.pointwise import Pointwise, activated, constant


class JoinedResidual(nn.Module):
    """The skip's product, which adds up what stands beside it and activates the sum.

    `overwrites`: the sum goes where the other summand was, which nobody else reads.
    """

    def __init__(self, residual: Residual, act: str, overwrites: bool) -> None:
        super().__init__()
        weight, bias = residual.conv.weight.flatten(1), residual.conv.bias
        assert bias is not None, "fold batch norms first"
        self.name, self.sample = residual.name, residual.sample
        self.product = Pointwise(weight, bias, act)
        self.product.overwrites = overwrites

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        """As `Residual`, and activated."""
        if (x.shape[0], *x.shape[2:]) == (y.shape[0], *y.shape[2:]):
            return self.product(x, add=y)
        skip = self.product(x, activate=False)
        check_summands(self.name, skip, y)
        return activated(y + skip, self.product.act)


def join_skips(net: TinyVideoNet) -> None:
    """Let the last product of every block add and activate."""
    for module in list(net.modules()):
        if isinstance(module, Block):
            _join(module)


def _join(block: Block) -> None:
    act = "relu" if isinstance(block.act, nn.ReLU) else "hswish"
    last = _last_product(block.path)
    if block.residual is not None:
        joined = JoinedResidual(block.residual, act, overwrites=last is not None)
        if last is not None:  # then nothing is left to be added but the product itself
            last.shift, joined.product.bias = constant(cast(Tensor, joined.product.bias)), None
        block.residual = cast(Residual, joined)
    elif last is not None:
        last.act = act
    else:
        return
    if last is not None:  # what it gives now is no tap any more
        del list(block.path.children())[-1].tap_name
    tap = block.act.tap_name
    block.act = nn.Identity()
    block.act.tap_name = tap


def _last_product(path: nn.Sequential) -> Pointwise | None:
    """The product that a path ends in, if nothing bends what it gives."""
    last = list(path.children())[-1] if len(path) else None
    if isinstance(last, GatedExpansion | GatedProjection):
        last = last.product
    return last if isinstance(last, Pointwise) and last.act is None else None
