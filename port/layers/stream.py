"""An input stream: the first frames of a clip at the stream's size."""

from torch import Tensor, nn
from torch.nn import functional as F


class InputStream(nn.Module):
    """Cuts and resizes a clip; source: the released code's multi-stream builder.

    `size` is None for nets with one stream, which take the clip as it is.
    """

    def __init__(self, num_frames: int, size: int | None) -> None:
        super().__init__()
        self.num_frames, self.size = num_frames, size

    def forward(self, clip: Tensor) -> Tensor:
        """`[B, 3, T, H, W]` to `[B*num_frames, 3, H or size, W or size]`."""
        frames = clip[:, :, : self.num_frames].transpose(1, 2).flatten(0, 1)
        if self.size is None:
            return frames
        # The original asks for the height alone, resizes to a square and stops the gradient.
        if frames.shape[-2] != self.size:
            frames = F.interpolate(frames, (self.size, self.size), mode="bilinear")
        return frames.detach()
