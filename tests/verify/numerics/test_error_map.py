"""Where an error is, and how many elements have one of which size."""

import numpy as np
import pytest

from verify.numerics.error_map import BINS, CELLS, LONG, SAMPLE, error_map

DRAW = np.random.default_rng(0)


def rounded(shape: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    truth = DRAW.normal(1, 0.1, shape)
    return truth.astype(np.float32), truth


@pytest.mark.parametrize(
    ("shape", "at", "cell", "channel"),
    [
        ((3, 40, 32, 5), (2, 39, 0, 4), (15, 0), 4),
        ((2, 3, 8, 9, 100), (1, 2, 0, 8, 99), (0, 8), LONG - 1),
        ((2, 7, 5), (1, 6, 2), (6, 2), None),
        ((4, 33), (0, 32), (0, CELLS - 1), None),
        ((6,), (5,), (0, 5), None),
        ((), (), (0, 0), None),
    ],
)
def test_one_wrong_element_is_seen_at_its_place(
    shape: tuple[int, ...], at: tuple[int, ...], cell: tuple[int, int], channel: int | None
) -> None:
    port, truth = rounded(shape)
    wrong = np.array(port)
    wrong[at] += 0.5
    made = error_map(wrong, port, truth)
    assert made is not None
    grid = np.array(made.grid)
    assert np.unravel_index(grid.argmax(), grid.shape) == cell
    assert grid.max() == pytest.approx(0.5 / np.abs(truth).max(), rel=0.01)
    assert np.sort(grid.ravel())[:-1].max(initial=0) < 1e-6
    if channel is not None:
        assert int(np.argmax(made.profile)) == channel


def test_errors_are_counted_in_units_in_the_last_place() -> None:
    truth = np.full((2, 50), 1.5)
    unit = np.spacing(np.float32(1.5)).astype(np.float64)
    port = truth.copy()
    port[0, :3] += [0.4 * unit, 0.6 * unit, 5 * unit]
    port[0, 3] = np.nan
    made = error_map(port, truth, truth)
    assert made is not None
    assert sum(made.port_ulps) == truth.size and len(made.port_ulps) == BINS
    # Under 1/2 (all that is exact, and 0.4), under 1, under 8, no number.
    assert [made.port_ulps[n] for n in (0, 1, 4, BINS - 1)] == [97, 1, 1, 1]
    assert made.original_ulps[0] == truth.size


def test_rounding_once_stays_under_half_a_unit_whatever_is_sampled() -> None:
    port, truth = rounded((4, 64, 64, 16))
    made = error_map(port, port, truth)
    assert made is not None
    assert SAMPLE / 2 < sum(made.port_ulps) <= 2 * SAMPLE
    assert sum(made.port_ulps[2:]) == 0


def test_what_has_no_place_has_no_map() -> None:
    port, truth = rounded((2, 3))
    assert error_map(port[:1], port, truth) is None
    assert error_map(port, port, truth.astype(np.int64)) is None
    assert error_map(port[:0], port[:0], truth[:0]) is None


def test_the_map_is_of_float64_where_that_is_given() -> None:
    port, truth = rounded((2, 3))
    made = error_map(port, port, truth, exact=truth + np.eye(2, 3))
    assert made is not None and made.precision == "float64"
    assert [[v > 0.1 for v in row] for row in made.grid] == np.eye(2, 3).astype(bool).tolist()
