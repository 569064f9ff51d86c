"""Heads: the two published ones, and what timm's `global_pool` and `num_classes=0` make of them.

Published are the mean over the clip, and a maximum over frames that has a gradient.
"""

import math

import torch
from torch import Tensor, nn

from port.errors import InputError
from port.scope import Scope


class ClipHead(nn.Module):
    """Pooling over frames, height and width, published with the mean; dropout; classifier."""

    def __init__(
        self, width: int, num_classes: int, drop_rate: float, global_pool: str = "avg"
    ) -> None:
        super().__init__()
        scope = Scope()
        name, pool = CLIP_POOLS[global_pool]
        self.pool = scope.tap(name, pool())
        self.dropout = nn.Dropout(drop_rate)
        self.dense = _classifier(scope, width, num_classes)

    def forward(self, features: Tensor) -> Tensor:
        """`[B, C, T, H, W]` to logits `[B, num_classes]`."""
        return self.dense(self.dropout(self.pool(features)))


class FrameHead(nn.Module):
    """A classifier a frame; over time, the logits weighted with their own softmax.

    The published `max_pool_predictions`. Each frame is pooled by itself, published with the mean.
    """

    def __init__(
        self, width: int, num_classes: int, drop_rate: float, global_pool: str = "avg"
    ) -> None:
        super().__init__()
        scope = Scope()
        name, pool = FRAME_POOLS[global_pool]
        self.pool = scope.tap(name, pool())
        self.dropout = nn.Dropout(drop_rate)
        self.dense = _classifier(scope, width, num_classes)
        self.weigh = scope.tap("softmax", TimeSoftmax())
        self.sum = scope.tap("logits", WeightedSum())

    def forward(self, features: Tensor) -> Tensor:
        """`[B, C, T, H, W]` to logits `[B, num_classes]`."""
        frame_logits = self.dense(self.dropout(self.pool(features)))
        return self.sum(frame_logits, self.weigh(frame_logits))


class ClipMean(nn.Module):
    """Mean over frames, height and width."""

    def forward(self, x: Tensor) -> Tensor:
        """`[B, C, T, H, W]` to `[B, C]`."""
        # Over space first: ONNX Runtime adds up all axes at once one by one, which rounds more.
        return x.mean((3, 4)).mean(2)


class ClipMax(nn.Module):
    """Maximum over frames, height and width."""

    def forward(self, x: Tensor) -> Tensor:
        """`[B, C, T, H, W]` to `[B, C]`."""
        return x.amax((2, 3, 4))


class FrameMean(nn.Module):
    """Mean over height and width."""

    def forward(self, x: Tensor) -> Tensor:
        """`[B, C, T, H, W]` to `[B, T, C]`."""
        return x.mean((3, 4)).transpose(1, 2)


class FrameMax(nn.Module):
    """Maximum over height and width."""

    def forward(self, x: Tensor) -> Tensor:
        """`[B, C, T, H, W]` to `[B, T, C]`."""
        return x.amax((3, 4)).transpose(1, 2)


class TimeSoftmax(nn.Module):
    """Softmax over time of `z / sqrt(T)`."""

    def forward(self, z: Tensor) -> Tensor:
        """`[B, T, num_classes]` to the same shape."""
        return torch.softmax(z / math.sqrt(z.shape[1]), dim=1)


class WeightedSum(nn.Module):
    """Sum over time of values times weights."""

    def forward(self, values: Tensor, weights: Tensor) -> Tensor:
        """Twice `[B, T, num_classes]` to `[B, num_classes]`."""
        return (values * weights).sum(1)


# By `global_pool`: the pool's tap, and the pool.
CLIP_POOLS: dict[str, tuple[str, type[nn.Module]]] = {
    "avg": ("mean", ClipMean),
    "max": ("max", ClipMax),
    "": ("features", nn.Identity),
}
FRAME_POOLS: dict[str, tuple[str, type[nn.Module]]] = {
    "avg": ("mean", FrameMean),
    "max": ("max", FrameMax),
}


def make_head(
    width: int, num_classes: int, drop_rate: float, global_pool: str, by_frame: bool
) -> ClipHead | FrameHead:
    """A head for features of `width` channels; without a classifier where there are no classes.

    Raises:
        InputError: there is no such pool, or none though there are classes.
    """
    if global_pool not in CLIP_POOLS:
        raise InputError(f"global_pool is {global_pool!r}; it must be 'avg', 'max' or ''")
    if not global_pool and num_classes:
        raise InputError("global_pool='' leaves nothing to classify; give num_classes=0 with it")
    kind = FrameHead if by_frame and global_pool else ClipHead
    return kind(width, num_classes, drop_rate, global_pool)


def _classifier(scope: Scope, width: int, num_classes: int) -> nn.Linear | nn.Identity:
    return scope.tap("dense", nn.Linear(width, num_classes)) if num_classes else nn.Identity()
