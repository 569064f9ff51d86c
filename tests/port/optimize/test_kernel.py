"""The kernel's products are as near to the truth as float32's own, whatever their sizes."""

import itertools

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from port.layers import TemporalConv
from port.layers.conv import Conv2d
from port.optimize.convolutions import ActivatedConv
from port.optimize.kernel import build
from port.optimize.pointwise import Pointwise
from port.optimize.products import SplitConv, SplitPointwise
from port.path import ConvNorm
from port.scope import Scope

needs_kernel = pytest.mark.skipif(build.load_kernel() is None, reason="no AMX or no C compiler")
# Float32's own products are 2e-6 off where few numbers are added up, of both signs.
NEAR = 3e-6
BFLOAT16 = 2e-2


def error(found: Tensor, truth: Tensor) -> float:
    """Of the largest magnitude; of a tensor that is nearly zero, by itself."""
    return float((found.double() - truth).abs().max() / truth.abs().max().clamp(min=1e-2))


@needs_kernel
@pytest.mark.parametrize("terms", [3, 1])
def test_products_of_all_sizes_with_all_that_goes_along(terms: int) -> None:
    sizes = itertools.product((1, 15, 33, 64), (1, 31, 64, 130), (1, 33, 96))
    acts = itertools.cycle((None, "relu", "hswish"))
    for number, ((pixels, inputs, outputs), act) in enumerate(zip(sizes, acts, strict=False)):
        gate_in, gate_out, adds, shifts = (bool(number >> bit & 1) for bit in range(4))
        plain = Pointwise(torch.randn(outputs, inputs), torch.randn(outputs), act)
        if shifts:
            plain.shift = torch.nn.Parameter(torch.randn(outputs))
        x = torch.randn(4, inputs, pixels, 1).contiguous(memory_format=torch.channels_last)
        given = {
            "gate_in": torch.rand(2, inputs) if gate_in else None,
            "gate_out": torch.rand(2, outputs) if gate_out else None,
            "add": torch.randn(4, outputs, pixels, 1) if adds else None,
        }
        with torch.no_grad():
            found = SplitPointwise(plain, terms)(x, **given)
            exact = {key: None if t is None else t.double() for key, t in given.items()}
            truth = plain.double()(x.double(), **exact)
        assert found.shape == truth.shape
        assert error(found, truth) < (NEAR if terms == 3 else BFLOAT16), (pixels, inputs, outputs)


def activated(conv: Conv2d, act: str) -> ActivatedConv:
    """`conv` with weights and `act` behind it."""
    torch.nn.init.normal_(conv.weight)
    conv.bias = torch.nn.Parameter(torch.randn(len(conv.weight)))
    layer = ConvNorm(Scope(), conv, len(conv.weight), act)
    return ActivatedConv(layer)


@needs_kernel
def test_convolutions_of_all_sizes() -> None:
    for kernel, stride, inputs, outputs, height, width in itertools.product(
        (1, 2, 5), (1, 3), (3, 40), (33,), (1, 5), (17, 50)
    ):
        plain = activated(Conv2d(inputs, outputs, (kernel, kernel), (stride, stride)), "relu")
        x = torch.randn(2, inputs, height, width)
        with torch.no_grad():
            found = SplitConv(plain, 3)(x.contiguous(memory_format=torch.channels_last))
            truth = F.relu(plain.conv.double()(x.double()))
        assert found.shape == truth.shape
        assert error(found, truth) < NEAR, (kernel, stride, inputs, outputs, height, width)


@needs_kernel
def test_convolutions_over_time() -> None:
    for kernel, stride, frames in itertools.product((2, 3, 5), (1, 2), (2, 3, 8)):
        plain = activated(TemporalConv(8, 33, kernel, stride, frames), "hswish")
        x = torch.randn(2 * frames, 8, 5, 4)
        with torch.no_grad():
            found = SplitConv(plain, 3)(x.contiguous(memory_format=torch.channels_last))
            truth = plain.double()(x.double())
        assert found.shape == truth.shape
        assert error(found, truth) < NEAR, (kernel, stride, frames)


@needs_kernel
def test_what_is_not_finite_stays_so() -> None:
    product = SplitPointwise(Pointwise(torch.ones(32, 32), torch.zeros(32)), 3)
    for value in (torch.inf, -torch.inf, torch.nan):
        x = torch.zeros(1, 32, 2, 1)
        x[0, 5, 0, 0] = value
        y = product(x)
        assert not y[:, :, 0].isfinite().any() and (y[:, :, 1] == 0).all()


def test_without_a_compiler_or_the_units_there_is_no_kernel(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(build, "_processor_features", lambda: set(build.FEATURES))
    monkeypatch.setattr(build, "_compiler", lambda: None)
    assert build.why_not() == "no C compiler is found (gcc or clang)"
    assert build.load_kernel.__wrapped__() is None
    monkeypatch.setattr(build, "_processor_features", set)
    assert build.why_not() == "the processor has no amx_tile"
