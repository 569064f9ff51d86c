"""TensorFlow weights, read without TensorFlow from every form they are published in."""

from port.sources.base import Source, TensorInfo
from port.sources.detect import open_source

__all__ = ["Source", "TensorInfo", "open_source"]
