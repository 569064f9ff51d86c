"""Activations, as modules so that each has a tap."""

from torch import Tensor, nn
from torch.nn import functional as F

from port.tf_semantics import HARD_SWISH_SCALE


class HardSwish(nn.Module):
    """`x * relu6(x + 3) * float32(1/6)`; not `nn.Hardswish`, which divides by an exact six."""

    def forward(self, x: Tensor) -> Tensor:
        """Any shape."""
        return x * F.relu6(x + 3) * HARD_SWISH_SCALE


def make_activation(name: str) -> nn.Module:
    """The module of a genotype's activation name."""
    return {"relu": nn.ReLU, "hswish": HardSwish}[name]()
