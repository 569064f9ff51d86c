"""A summary is what numpy says of the finite values in double precision."""

from __future__ import annotations

import math

import ml_dtypes
import numpy as np
import pytest

from port.sources.summary import Summary, summarize

RANDOM = np.random.default_rng(0)
CASES = {
    "many": RANDOM.normal(3, 2, (700, 800)).astype(np.float32),
    "bfloat16": RANDOM.normal(size=999).astype(ml_dtypes.bfloat16),
    "integers": RANDOM.integers(-99, 99, (3, 4, 5)),
    "scalar": np.array(7, np.uint8),
    "far from zero": np.full(1000, 1e8, np.float32),
    "truth": np.array([True, False, True]),
}


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("spoilt", [0, 3])
def test_a_summary_is_numpys(case: str, spoilt: int) -> None:
    values = CASES[case].astype(np.float64).ravel()
    given = np.append(values, [math.inf, math.nan, -math.inf][:spoilt]) if spoilt else CASES[case]
    summary = summarize(given)
    assert (summary.minimum, summary.maximum) == (values.min(), values.max())
    assert summary.mean == pytest.approx(values.mean(), rel=1e-12)
    assert summary.std == pytest.approx(values.std(), rel=1e-9, abs=1e-12)
    assert summary.nonfinite == spoilt


@pytest.mark.parametrize(
    ("values", "nonfinite"),
    [(np.zeros((0, 3)), 0), (np.array([b"a"], object), 0), (np.full(4, np.nan), 4)],
    ids=["empty", "strings", "nan"],
)
def test_where_nothing_is_finite_there_are_no_statistics(
    values: np.ndarray, nonfinite: int
) -> None:
    summary = summarize(values)
    numbers = (summary.minimum, summary.maximum, summary.mean, summary.std)
    assert all(math.isnan(number) for number in numbers)
    assert summary == Summary(*numbers, nonfinite)
