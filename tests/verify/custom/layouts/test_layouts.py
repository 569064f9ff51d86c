"""Layouts: there and back again, for every shape; what cannot fit is refused."""

import numpy as np
import pytest
from einops import rearrange
from hypothesis import given
from hypothesis import strategies as st

from port.errors import InputError
from verify.custom.layouts.fingerprint import Fingerprint
from verify.custom.layouts.layout import ACTIVATIONS, Layout, fitting
from verify.custom.matching.weights import ANY, CONVOLUTION, DENSE, DEPTHWISE, TRANSPOSED

PATTERNS = sorted(
    {*ACTIVATIONS, *ANY, *DENSE}
    | {p for table in (CONVOLUTION, DEPTHWISE, TRANSPOSED) for ps in table.values() for p in ps}
)


@given(st.sampled_from(PATTERNS), st.data())
def test_a_layout_loses_nothing_and_keeps_the_fingerprint(
    pattern: str, data: st.DataObject
) -> None:
    axes = pattern.split("->")[0].split()
    sizes = st.integers(2, 4)
    shape = tuple(1 if axis == "1" else data.draw(sizes) for axis in axes)
    array = np.random.default_rng(0).normal(size=shape)
    (layout,) = fitting((pattern,), array.shape, rearrange(array, pattern).shape)
    carried = layout.to_port(array)
    np.testing.assert_array_equal(layout.to_original(carried), array)
    assert Fingerprint.of(carried).matches(Fingerprint.of(array))
    padded = np.pad(carried, 1)
    assert Fingerprint.of(padded).matches(Fingerprint.of(array))
    assert not Fingerprint.of(carried * 1.0001).matches(Fingerprint.of(array))
    assert Layout.parse(str(layout)) == layout


def test_the_order_of_a_matrix_is_told() -> None:
    image = np.random.default_rng(0).normal(size=(2, 3, 4, 5))
    last, first = image.reshape(2, -1), np.moveaxis(image, 3, 1).reshape(2, -1)
    assert Fingerprint.of(first).reorders(Fingerprint.of(last))
    assert not Fingerprint.of(last).reorders(Fingerprint.of(last.copy()))
    assert not Fingerprint.of(np.zeros((2, 2))).matches(Fingerprint.of(np.zeros((2, 2))))


@pytest.mark.parametrize("text", ["n c", "n c -> c n; h", "n c -> c n; h=x"])
def test_what_is_no_layout_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="layout"):
        Layout.parse(text)


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(InputError, match="does not fit"):
        Layout.parse("n h w c -> n c h w").to_port(np.zeros((2, 3)))
