"""Frames live in the batch axis; these views bring time out of it and back."""

import torch
from torch import Tensor


def split_time(x: Tensor, frames: int) -> Tensor:
    """`[B*T, ...]` to `[B, T, ...]`."""
    return x.unflatten(0, (-1, frames))


def unfold_time(x: Tensor, frames: int) -> Tensor:
    """`[B*T, C, H, W]` to `[B, C, T, H*W]`: time as an axis that a 2-D operation runs along."""
    return split_time(x, frames).transpose(1, 2).flatten(3)


def flatten_time(x: Tensor, like: torch.Size) -> Tensor:
    """`[B, C, T, H*W]` back to `[B*T, C, H, W]`, with the height and width of `like`."""
    # Height and width first: the other way round a gradient of one frame loses its memory format,
    # and is copied to and fro.
    return x.unflatten(3, like[-2:]).transpose(1, 2).flatten(0, 1)
