"""The layers a Tiny Video Network is made of, one idea a file.

Between blocks the port keeps frames in the batch axis, as the original does: `[B*T, C, H, W]`,
frames of one clip adjacent.
"""

from port.layers.activation import make_activation
from port.layers.conv import Conv2d, DepthwiseConv2d, TemporalConv
from port.layers.gate import ClipMean, ClipScale
from port.layers.norm import BatchNorm
from port.layers.pool import SpatialPool, TemporalPool
from port.layers.stream import InputStream

__all__ = [
    "BatchNorm",
    "ClipMean",
    "ClipScale",
    "Conv2d",
    "DepthwiseConv2d",
    "InputStream",
    "SpatialPool",
    "TemporalConv",
    "TemporalPool",
    "make_activation",
]
