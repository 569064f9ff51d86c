"""A net that gives feature maps instead of logits: timm's `features_only`."""

from torch import Tensor, nn

from port.features import FeatureInfo, Indices, take_indices
from port.model import TinyVideoNet


class FeatureNet(nn.Module):
    """The feature maps of some blocks of a net.

    Args:
        net: is cut off behind the last of these blocks, and has no classifier any more.
        out_indices: the blocks: all if None, the last ones if it is how many; those below 0 count
            from the end.

    Attributes:
        feature_info: channels, reduction and module of each.

    Raises:
        InputError: there is no such block.
    """

    def __init__(self, net: TinyVideoNet, out_indices: Indices = None) -> None:
        super().__init__()
        taken = take_indices(len(net.blocks), out_indices)
        self.feature_info = FeatureInfo(net.feature_info, taken)
        net.cut_off(max(taken) + 1)
        self.net = net

    def forward(self, x: Tensor) -> list[Tensor]:
        """Clips `[B, 3, T, H, W]` to maps `[B, C, T', H', W']`, in the order of `out_indices`."""
        maps: list[Tensor] = self.net.forward_intermediates(
            x, self.feature_info.out_indices, intermediates_only=True
        )
        return maps

    def set_grad_checkpointing(self, enable: bool = True) -> None:
        """See `TinyVideoNet.set_grad_checkpointing`."""
        self.net.set_grad_checkpointing(enable)
