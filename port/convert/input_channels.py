"""Weights for clips of three colours, carried over to clips of other channels, as timm does it."""

import math
from collections.abc import Mapping

from torch import Tensor


def adapt_input(
    weights: Mapping[str, Tensor],
    wanted: Mapping[str, tuple[int, ...]],
    colours: int,
    channels: int,
) -> dict[str, Tensor]:
    """The weights, those that read the clip changed so that they read `channels` of it.

    Args:
        weights: a state dict.
        wanted: the shapes in a net that takes clips of so many channels.
        colours: how many the weights are for.
        channels: how many there are to be. A single one is read with the sum of the weights, as a
            grey clip in three colours would be; of others weights are repeated, and scaled so that
            the layer's output is as large as before.
    """

    def reads_clip(key: str, tensor: Tensor) -> bool:
        shape = tuple(tensor.shape)
        return len(shape) > 1 and shape != wanted.get(key) and shape[1] == colours

    return {
        key: _adapted(tensor, colours, channels) if reads_clip(key, tensor) else tensor
        for key, tensor in weights.items()
    }


def _adapted(weight: Tensor, colours: int, channels: int) -> Tensor:
    """`[out, colours, ...]` to `[out, channels, ...]`."""
    if channels == 1:
        return weight.sum(1, keepdim=True)
    repeats = [1] * weight.ndim
    repeats[1] = math.ceil(channels / colours)
    return weight.repeat(repeats)[:, :channels] * (colours / channels)
