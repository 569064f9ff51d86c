"""The two ends of a gate: the mean over a clip, and scaling every frame of the clip."""

from torch import Tensor, nn

from port.layers.frames import split_time


class ClipMean(nn.Module):
    """Mean over the frames, height and width of each clip."""

    def __init__(self, frames: int) -> None:
        super().__init__()
        self.frames = frames

    def forward(self, x: Tensor) -> Tensor:
        """`[B*T, C, H, W]` to `[B, C, 1, 1]`."""
        # Over space first: ONNX Runtime adds up all axes at once one by one, which rounds more.
        return split_time(x.mean((2, 3), keepdim=True), self.frames).mean(1)


class ClipScale(nn.Module):
    """Multiplies all frames of a clip with one number a channel."""

    def __init__(self, frames: int) -> None:
        super().__init__()
        self.frames = frames

    def forward(self, x: Tensor, gate: Tensor) -> Tensor:
        """`x` `[B*T, C, H, W]` and `gate` `[B, C, 1, 1]` to `[B*T, C, H, W]`."""
        return (split_time(x, self.frames) * gate[:, None]).flatten(0, 1)
