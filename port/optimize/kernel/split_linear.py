"""`tvn::split_linear`: the kernel as an operator of PyTorch, so that it can be compiled around."""

import ctypes
from typing import Any

import torch
from torch import Tensor

from port.optimize.kernel.build import Convolution, Product, load_kernel

_LIBRARY = torch.library.Library("tvn", "DEF")
_LIBRARY.define(
    "split_convolution(Tensor x, Tensor packed, int outputs, Tensor? bias, int[] kernel, "
    "int[] stride, int[] before, SymInt[] size, int act, int terms) -> Tensor"
)
ACTIVATIONS = (None, "relu", "hswish")
EXACT, BFLOAT16 = 3, 1  # terms that a number is split into
STEP = 32  # inputs that the kernel takes at a time

_LIBRARY.define(
    "split_linear(Tensor x, Tensor packed, int outputs, Tensor? bias, Tensor? scale_in, "
    "Tensor? scale_out, Tensor? shift, Tensor? add, int act, int terms) -> Tensor"
)


def pack(weight: Tensor, terms: int) -> Tensor:
    """`weight` `[out, in]`, float32, in the order and the parts in which the kernel reads it.

    As int16, so that no change of a module's precision touches it.
    """
    kernel = load_kernel()
    assert kernel is not None
    weight = weight.detach().float().contiguous()
    packed = torch.empty(kernel.packed_size(*weight.shape, terms), dtype=torch.int16)
    kernel.pack(weight.data_ptr(), packed.data_ptr(), *weight.shape, terms)
    return packed


def split_linear(
    x: Tensor,
    packed: Tensor,
    outputs: int,
    bias: Tensor | None,
    scale_in: Tensor | None,
    scale_out: Tensor | None,
    shift: Tensor | None,
    add: Tensor | None,
    act: int,
    terms: int,
) -> Tensor:
    """`act(scale_out * ((x * scale_in) W^T + bias) + shift + add)`, all float32 and contiguous.

    Args:
        x: `[rows, in]`.
        packed: `W` `[out, in]`, by `pack`.
        outputs: how many.
        bias: `[out]`.
        scale_in: `[clips, in]`; the rows of a clip follow one another.
        scale_out: `[clips, out]`.
        shift: `[out]`.
        add: `[rows, out]`.
        act: an index in `ACTIVATIONS`.
        terms: as for `pack`.
    """
    kernel = load_kernel()
    assert kernel is not None and x.dtype == torch.float32
    held = [t if t is None else t.contiguous() for t in (x, bias, scale_in, scale_out, shift, add)]
    rows = len(x)
    scale = scale_in if scale_in is not None else scale_out
    out = x.new_empty(rows, outputs)
    pointers = (None if tensor is None else tensor.data_ptr() for tensor in (*held, packed, out))
    clips = 1 if scale is None else len(scale)
    sizes = (rows, x.shape[1], outputs, max(rows // clips, 1))
    product = Product(*pointers, *sizes, act, terms, torch.get_num_threads())
    if rows and kernel.split_linear(ctypes.byref(product)):
        raise MemoryError("can't allocate memory")
    return out


def _shape(x: Tensor, packed: Tensor, outputs: int, *_: object) -> Tensor:
    return x.new_empty(x.shape[0], outputs)


def split_convolution(
    x: Tensor,
    packed: Tensor,
    outputs: int,
    bias: Tensor | None,
    kernel: list[int],
    stride: list[int],
    before: list[int],
    size: list[int],
    act: int,
    terms: int,
) -> Tensor:
    """A convolution of `x` `[N, H, W, in]` to `[N, *size, out]`; `size[1]` is 16 or more.

    Args:
        x: float32, contiguous.
        packed: by `pack`, of `[out, kh * kw * in]` with `in` filled up to a multiple of `STEP`.
        outputs: how many.
        bias: `[out]`.
        kernel: height and width.
        stride: likewise.
        before: pixels of padding above and to the left; what lacks below and right is added.
        size: height and width of the output.
        act: an index in `ACTIVATIONS`.
        terms: as for `pack`.
    """
    library = load_kernel()
    assert library is not None and x.dtype == torch.float32
    x = x.contiguous()
    images, height, width, inputs = x.shape
    out = x.new_empty(images, *size, outputs)
    product = Product(x=x.data_ptr(), bias=None if bias is None else bias.data_ptr(),
                      packed=packed.data_ptr(), out=out.data_ptr(), rows=images * size[0] * size[1],
                      inputs=inputs, outputs=outputs, rows_per_clip=1, act=act, terms=terms,
                      threads=torch.get_num_threads())  # fmt: skip
    pair = ctypes.c_long * 2
    made = Convolution(product, images, height, width, pair(*kernel), pair(*stride), pair(*before),
                       *size)  # fmt: skip
    scratch = torch.empty(library.scratch_size(ctypes.byref(made)), dtype=torch.int16)
    made.scratch = scratch.data_ptr()
    library.split_convolution(ctypes.byref(made))
    return out


def _convolved_shape(x: Tensor, packed: Tensor, outputs: int, bias: Tensor | None, kernel: Any,
                     stride: Any, before: Any, size: list[int], *_: Any) -> Tensor:  # fmt: skip
    return x.new_empty(x.shape[0], *size, outputs)


_LIBRARY.impl("split_convolution", split_convolution, "CPU")
torch.library.register_fake("tvn::split_convolution", _convolved_shape, lib=_LIBRARY)
_LIBRARY.impl("split_linear", split_linear, "CPU")
torch.library.register_fake("tvn::split_linear", _shape, lib=_LIBRARY)
