"""The two published heads: mean over the clip, or a maximum over frames that has a gradient."""

import math

import torch
from torch import Tensor, nn

from port.scope import Scope


class ClipHead(nn.Module):
    """Mean over frames, height and width; dropout; classifier."""

    def __init__(self, width: int, num_classes: int, drop_rate: float) -> None:
        super().__init__()
        scope = Scope()
        self.mean = scope.tap("mean", ClipMean())
        self.dropout = nn.Dropout(drop_rate)
        self.dense = scope.tap("dense", nn.Linear(width, num_classes))

    def forward(self, features: Tensor) -> Tensor:
        """`[B, C, T, H, W]` to logits `[B, num_classes]`."""
        return self.dense(self.dropout(self.mean(features)))


class FrameHead(nn.Module):
    """A classifier a frame; over time, the logits weighted with their own softmax.

    The published `max_pool_predictions`.
    """

    def __init__(self, width: int, num_classes: int, drop_rate: float) -> None:
        super().__init__()
        scope = Scope()
        self.mean = scope.tap("mean", FrameMean())
        self.dropout = nn.Dropout(drop_rate)
        self.dense = scope.tap("dense", nn.Linear(width, num_classes))
        self.weigh = scope.tap("softmax", TimeSoftmax())
        self.sum = scope.tap("logits", WeightedSum())

    def forward(self, features: Tensor) -> Tensor:
        """`[B, C, T, H, W]` to logits `[B, num_classes]`."""
        frame_logits = self.dense(self.dropout(self.mean(features)))
        return self.sum(frame_logits, self.weigh(frame_logits))


class ClipMean(nn.Module):
    """Mean over frames, height and width."""

    def forward(self, x: Tensor) -> Tensor:
        """`[B, C, T, H, W]` to `[B, C]`."""
        # Over space first: ONNX Runtime adds up all axes at once one by one, which rounds more.
        return x.mean((3, 4)).mean(2)


class FrameMean(nn.Module):
    """Mean over height and width."""

    def forward(self, x: Tensor) -> Tensor:
        """`[B, C, T, H, W]` to `[B, T, C]`."""
        return x.mean((3, 4)).transpose(1, 2)


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
