"""TensorFlow's arithmetic where PyTorch's habits differ: constants and SAME padding."""

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

# The released code's `_BATCH_NORM_EPSILON`. PyTorch's default is the same; TensorFlow's is 1e-3.
BATCH_NORM_EPSILON = 1e-5

# The released code's decay is 0.9: moving = 0.9 * moving + 0.1 * batch. PyTorch's momentum is the
# weight of the new value.
BATCH_NORM_MOMENTUM = 1 - 0.9

# hard-swish multiplies with 1/6 as rounded to float32, whatever precision the net runs in.
HARD_SWISH_SCALE = 0.16666667163372040

# `contrib.layers.variance_scaling_initializer` makes up for cutting its normal at two sigmas.
VARIANCE_SCALING_CORRECTION = 1.3


def same_output_size(size: int, stride: int) -> int:
    """How many outputs SAME padding gives for `size` inputs: their quotient, rounded up."""
    # Not -(-size // stride): ONNX cuts a negative quotient off where Python rounds it down.
    return (size + stride - 1) // stride


def same_padding(size: int, kernel: int, stride: int) -> tuple[int, int]:
    """(before, after), in elements, along one axis of `size` elements.

    Source: TensorFlow's "Notes on padding" in the `tf.nn` documentation. The odd element goes
    behind, and how many there are depends on the input's size.
    """
    total = _at_least_0((same_output_size(size, stride) - 1) * stride + kernel - size)
    return total // 2, total - total // 2


def pad_same(
    x: Tensor, kernel: tuple[int, int], stride: tuple[int, int], value: float = 0.0
) -> Tensor:
    """`x` `[N, C, H, W]` with SAME padding of `value`, ready for an operation that pads nothing."""
    top, bottom = same_padding(x.shape[-2], kernel[0], stride[0])
    left, right = same_padding(x.shape[-1], kernel[1], stride[1])
    if _known(top + bottom + left + right == 0):
        return x
    return F.pad(x, (left, right, top, bottom), value=value)


def pad_uneven(
    x: Tensor, kernel: tuple[int, int], stride: tuple[int, int]
) -> tuple[Tensor, tuple[int, int]]:
    """SAME padding of zeros, as far as an operation that pads both sides alike cannot do it itself.

    Returns:
        `x` `[N, C, H, W]`, and the padding in elements that is still to be put on each side of its
        height and of its width. A copy that is saved.
    """
    top, bottom = same_padding(x.shape[-2], kernel[0], stride[0])
    left, right = same_padding(x.shape[-1], kernel[1], stride[1])
    if _known(top == bottom) and _known(left == right):
        return x, (top, left)
    return F.pad(x, (left, right, top, bottom)), (0, 0)


def _at_least_0(size: Any) -> Any:
    """The maximum, which stays a formula where an export or a trace keeps the size open."""
    return size.clamp(min=0) if isinstance(size, Tensor) else torch.sym_max(size, 0)


def _known(condition: bool | torch.SymBool | Tensor) -> bool:
    """Whether it holds for every size that an export leaves open, as a trace does all of them."""
    if isinstance(condition, bool):
        return condition
    if isinstance(condition, Tensor):
        return False
    # Imported where there is something open: it brings a whole algebra system along.
    from torch.fx.experimental.symbolic_shapes import statically_known_true

    return statically_known_true(condition)
