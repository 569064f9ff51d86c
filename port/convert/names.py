"""The one table of conversion: TensorFlow variable, torch key, layout."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from torch import nn

from port.genotype import Genotype
from port.layers import BatchNorm, Conv2d, DepthwiseConv2d
from port.model import TinyVideoNet

BLOCK = 64


@dataclass(frozen=True, slots=True)
class Layout:
    """How the axes of a TensorFlow array are permuted to make the torch one."""

    name: str
    axes: tuple[int, ...]

    def to_torch(self, array: np.ndarray) -> np.ndarray:
        """The torch array, a contiguous copy; its values are those of `array`, bit for bit."""
        return permuted(array, self.axes)

    def to_tf(self, array: np.ndarray) -> np.ndarray:
        """Undo `to_torch`."""
        return permuted(array, tuple(np.argsort(self.axes)))

    def tf_shape(self, torch_shape: tuple[int, ...]) -> tuple[int, ...]:
        """The shape in TensorFlow of what has `torch_shape` in torch."""
        return tuple(torch_shape[axis] for axis in np.argsort(self.axes))


def permuted(array: np.ndarray, axes: tuple[int, ...]) -> np.ndarray:
    """`array.transpose(axes)` with memory of its own, in blocks that a processor's cache holds.

    Twice to five times as fast as numpy's own copy of a large transposed matrix.
    """
    view = array.transpose(axes)
    copy = np.empty(view.shape, view.dtype)
    if view.ndim < 2:
        copy[...] = view
        return copy
    one, other = sorted(range(view.ndim), key=view.shape.__getitem__)[-2:]
    block = [slice(None)] * view.ndim
    for start in range(0, view.shape[one], BLOCK):
        block[one] = slice(start, start + BLOCK)
        for begin in range(0, view.shape[other], BLOCK):
            block[other] = slice(begin, begin + BLOCK)
            where = tuple(block)
            copy[where] = view[where]
    return copy


SAME = Layout("as it is", (0,))
HWIO = Layout("HWIO to OIHW", (3, 2, 0, 1))
HWC1 = Layout("HWC1 to C1HW", (2, 3, 0, 1))
DENSE = Layout("IO to OI", (1, 0))


@dataclass(frozen=True, slots=True)
class Row:
    """One variable: its TensorFlow name (no `:0`) and shape, its torch key, what lies between.

    `tap` is the tap of the layer that it belongs to.
    """

    tf_name: str
    torch_key: str
    layout: Layout
    tf_shape: tuple[int, ...]
    trainable: bool
    tap: str


def table(genotype: Genotype, num_classes: int) -> tuple[Row, ...]:
    """Every variable of the net, in the order in which the original creates them."""
    return _table(genotype, num_classes)


@lru_cache(maxsize=32)
def _table(genotype: Genotype, num_classes: int) -> tuple[Row, ...]:
    with torch.device("meta"):
        net = TinyVideoNet(genotype, num_classes)
    shapes = {key: tuple(tensor.shape) for key, tensor in net.state_dict().items()}
    parameters = {key for key, _ in net.named_parameters()}
    rows = []
    for path, module in net.named_modules():
        for tf_name, attribute, layout in _variables(module):
            key = f"{path}.{attribute}"
            tf_shape = layout.tf_shape(shapes[key])
            tap = module.tap_name
            rows.append(Row(tf_name, key, layout, tf_shape, key in parameters, tap))
    return tuple(rows)


def _variables(module: nn.Module) -> list[tuple[str, str, Layout]]:
    """(TensorFlow name, attribute, layout) of each variable that `module` itself holds."""
    name = getattr(module, "tap_name", "")
    match module:
        case DepthwiseConv2d():
            # A bare variable, in the scope that the layer stands in.
            return [(f"{name.rpartition('/')[0]}/depthwise_kernel", "weight", HWC1)]
        case Conv2d():
            bias = [(f"{name}/bias", "bias", SAME)] if module.bias is not None else []
            return [(f"{name}/kernel", "weight", HWIO), *bias]
        case nn.Linear():
            return [(f"{name}/kernel", "weight", DENSE), (f"{name}/bias", "bias", SAME)]
        case BatchNorm():
            return [
                (f"{name}/gamma", "weight", SAME),
                (f"{name}/beta", "bias", SAME),
                (f"{name}/moving_mean", "running_mean", SAME),
                (f"{name}/moving_variance", "running_var", SAME),
            ]
    return []
