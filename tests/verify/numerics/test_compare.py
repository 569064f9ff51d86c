"""The comparison itself: nothing that differs may look alike."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from verify.numerics.compare import CHUNK, Difference, difference
from verify.numerics.verdicts import FLOAT32_ROUNDING, GRANTED_ROUNDINGS, Verdict, factor_needed

FINITE = st.floats(-1e6, 1e6)
ARRAYS = hnp.arrays(np.float64, hnp.array_shapes(max_dims=4, max_side=5), elements=FINITE)


@given(ARRAYS, st.data())
def test_one_changed_element_is_found_wherever_it_is(
    array: np.ndarray, data: st.DataObject
) -> None:
    changed = array.copy()
    index = data.draw(st.integers(0, array.size - 1))
    changed.reshape(-1)[index] += 1.0
    found = difference(changed, array)
    assert found.maximum == pytest.approx(1.0)
    assert found.rms == pytest.approx(1 / np.sqrt(array.size))
    assert found.scale == np.abs(array).max()


@given(ARRAYS)
def test_equal_arrays_differ_by_nothing(array: np.ndarray) -> None:
    found = difference(array.copy(), array)
    assert (found.maximum, found.rms, found.relative) == (0, 0, 0)


def test_the_last_element_of_a_large_array_counts() -> None:
    truth = np.ones(2 * CHUNK + 7, np.float32)
    changed = truth.copy()
    changed[-1] = 3
    assert difference(changed, truth).maximum == 2


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("where", ["found", "truth", "both"])
def test_nan_and_infinity_on_either_side_never_pass(bad: float, where: str) -> None:
    arrays = {"found": np.ones(3), "truth": np.ones(3)}
    for side in arrays if where == "both" else [where]:
        arrays[side][1] = bad
    assert difference(**arrays).maximum == np.inf
    assert difference(**arrays).relative == np.inf


@pytest.mark.parametrize("kind", [np.bool_, np.uint8, np.int64, np.float16])
def test_other_kinds_of_numbers_are_compared_as_numbers(kind: type) -> None:
    found = difference(np.array([1, 0, 1], kind), np.array([0, 0, 1], kind))
    assert (found.maximum, found.scale) == (1, 1)
    zero = difference(np.zeros(2, kind), np.zeros(2, kind))
    assert (str(zero.maximum), str(zero.scale)) == ("0.0", "0.0")
    assert difference(np.zeros(0, kind), np.zeros(0, kind)).relative == 0


def test_shapes_that_would_broadcast_do_not_compare() -> None:
    assert difference(np.ones((2, 1)), np.ones((2, 3))).maximum == np.inf


def test_errors_that_cancel_in_the_mean_are_seen() -> None:
    assert difference(np.array([1.0, -1.0]), np.zeros(2)).rms == 1


def _verdict(function: float, port: float, original: float, scale: float = 1.0) -> Verdict:
    return Verdict(*(Difference(error, error / 2, scale) for error in (function, port, original)))


def test_float64_rounding_passes_and_more_does_not() -> None:
    assert _verdict(9e-12, 0, 0).same_function
    assert not _verdict(1.1e-11, 0, 0).same_function
    assert not _verdict(1e-30, 0, 0, scale=0.0).same_function


def test_precision_is_held_against_the_originals_own_error() -> None:
    granted = GRANTED_ROUNDINGS * FLOAT32_ROUNDING
    assert _verdict(0, 4e-6, 1e-6).same_precision
    assert not _verdict(0, 4.1e-6 + granted, 1e-6).same_precision
    # Where the original is exact, a few roundings are granted, no more.
    assert _verdict(0, granted, 0).same_precision
    assert not _verdict(0, 1.01 * granted, 0).same_precision


def test_rms_counts_as_well_as_the_maximum() -> None:
    port, original = Difference(1e-5, 9e-6, 1.0), Difference(1e-5, 1e-7, 1.0)
    assert not Verdict(Difference(0, 0, 1.0), port, original).same_precision


@pytest.mark.parametrize("bad", [np.inf, np.nan])
def test_a_verdict_on_what_is_not_finite_is_no(bad: float) -> None:
    nothing, infinite = Difference(0, 0, 1.0), Difference(bad, bad, 1.0)
    assert not Verdict(infinite, nothing, nothing).same_function
    assert not Verdict(nothing, infinite, nothing).same_precision
    assert not Verdict(nothing, nothing, infinite).same_precision


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_no_factor_lets_an_error_pass_that_is_not_finite(bad: float) -> None:
    assert factor_needed(bad, 1.0) == factor_needed(1.0, bad) == factor_needed(bad, bad) == np.inf


@given(st.floats(1e-30, 1e30), st.floats(1e-30, 1e30))
def test_the_factor_needed_is_the_one_that_would_just_have_done(
    port: float, original: float
) -> None:
    assert factor_needed(port, original) * original == pytest.approx(port)
    assert factor_needed(0.0, original) == factor_needed(-port, original) == 0
    assert factor_needed(port, 0.0) == np.inf
