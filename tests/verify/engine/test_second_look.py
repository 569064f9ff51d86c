"""Two ways of rounding one function are told apart from a less precise or another function.

The net here is the smallest that magnifies rounding: a product with a matrix, and a steep gate
behind it. Original and port add up the product's terms in different groups, as processors do, so
they round differently.
"""

from collections.abc import Callable, Mapping

import numpy as np
import pytest

from verify import PortSpec, Stage, compare_layers
from verify.engine import inference as engine_module
from verify.engine.second_look import Moved
from verify.reports.report import Report
from verify.specs.spec import Arrays, See

STAGE = Stage("net", ("video",), ("product", "gate"))
SEEDS = range(120)
STEEPNESS = 1e3
Product = Callable[[np.ndarray], np.ndarray]


class _Net:
    """Either side, in one precision: `sigmoid(steepness * (weights @ video - middle))`."""

    def __init__(self, seed: int, precision: str, product: Product, steepness: float) -> None:
        draw = np.random.default_rng(seed)
        weights = draw.normal(size=(3, 200)).astype(np.float32)
        # Every gate stands open, neither end hides what it is fed with.
        middle = weights.astype(np.float64) @ video_of(seed) + draw.normal(size=3) / STEEPNESS
        self.weights = weights.astype(precision)
        self.middle = middle.astype(np.float32).astype(precision)
        self.product, self.steepness = product, self.weights.dtype.type(steepness)

    def _layer(self, tap: str, seen: Mapping[str, np.ndarray]) -> np.ndarray:
        if tap == "product":
            return self.product(self.weights * seen["video"].astype(self.weights.dtype))
        x = seen["product"].astype(self.weights.dtype) - self.middle
        with np.errstate(over="ignore"):
            return 1 / (1 + np.exp(-x * self.steepness))

    def close(self) -> None:
        """Hold nothing."""


class _Original(_Net):
    def run_stage(self, stage: Stage, given: Mapping[str, np.ndarray]) -> Arrays:
        """See `OriginalRunner`."""
        found = dict(given)
        for tap in stage.taps:
            found[tap] = self._layer(tap, found)
        return {tap: found[tap] for tap in stage.taps}

    def run_layer(self, tap: str, seen: Mapping[str, np.ndarray]) -> np.ndarray:
        """See `OriginalRunner`."""
        return self._layer(tap, seen)


class _Port(_Net):
    def run_stage(self, stage: Stage, given: Mapping[str, np.ndarray], see: See) -> None:
        """See `PortRunner`."""
        found = dict(given)
        for tap in stage.taps:
            found[tap] = self._layer(tap, found)
            see(tap, found[tap])

    def run_layers(self, stage: Stage, seen: Mapping[str, np.ndarray], see: See) -> None:
        """See `PortRunner`."""
        for tap in stage.taps:
            see(tap, self._layer(tap, seen))


def video_of(seed: int) -> np.ndarray:
    """What both sides read."""
    return np.random.default_rng((seed, 1)).normal(size=200).astype(np.float32)


def in_eights(terms: np.ndarray) -> np.ndarray:
    """The sum of each row, in eight sums side by side."""
    return _one_by_one(_one_by_one(terms.reshape(3, 25, 8), 1), 1)


def in_tens(terms: np.ndarray) -> np.ndarray:
    """The same, in ten sums, from the other end."""
    return _one_by_one(_one_by_one(terms[:, ::-1].reshape(3, 10, 20), 2), 1)


def _one_by_one(terms: np.ndarray, axis: int) -> np.ndarray:
    return np.cumsum(terms, axis=axis).take(-1, axis=axis)


def judge(
    seed: int,
    port: Product = in_tens,
    steepness: float = STEEPNESS,
    port_steepness: float | None = None,
) -> Report:
    """The comparison of two such nets."""
    return compare_layers(
        PortSpec(
            "steep",
            [STAGE],
            lambda precision: _Original(seed, precision, in_eights, steepness),
            lambda precision: _Port(seed, precision, port, port_steepness or steepness),
            {"video": video_of(seed)},
        )
    )


def test_rounding_otherwise_is_no_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    reports = [judge(seed) for seed in SEEDS]
    assert all(report.passed for report in reports)
    monkeypatch.setattr(engine_module, "second_look", lambda spec, taps: taps)
    monkeypatch.setattr(engine_module, "alone_again", lambda verdict, *other: verdict)
    alarms = [report for report in map(judge, SEEDS) if not report.passed]
    assert len(alarms) >= 3, "none needed the second look"


def test_float64_is_held_to_what_its_own_rounding_explains() -> None:
    reports = [judge(seed, steepness=1e5) for seed in SEEDS]
    gates = [report.taps[1].accumulated for report in reports]
    assert all(report.passed for report in reports)
    assert any(gate is not None and gate.function.relative > 1e-11 for gate in gates)


def test_less_precision_still_fails() -> None:
    def coarse(terms: np.ndarray) -> np.ndarray:
        kept = terms if terms.dtype == np.float64 else terms.astype(np.float16)
        return in_tens(kept.astype(terms.dtype))

    assert not any(judge(seed, coarse).passed for seed in SEEDS)


@pytest.mark.parametrize("change", [1e-3, 1e-6, 1e-9])
def test_another_function_still_fails(change: float) -> None:
    assert not any(judge(seed, port_steepness=STEEPNESS * (1 + change)).passed for seed in SEEDS)


def test_a_clip_of_zeros_moves_by_a_rounding_of_the_largest_number() -> None:
    """The next number to zero would draw no rounding anew: the second look would see nothing."""
    video = np.stack([np.zeros(50), np.full(50, 1e-39), np.linspace(1, 90)]).astype(np.float32)
    moved = Moved({"video": video}, "float64", seed=0, zeros=True)["video"] - video
    rounding = np.spacing(90.0)
    assert np.allclose(np.abs(moved[:2]), rounding, rtol=1e-12)
    assert set(np.sign(moved[0])) == {-1, 1}
    assert (np.abs(moved[2]) == np.spacing(video[2].astype(np.float64))).mean() > 0.9
    still = Moved({"video": video}, "float64", seed=0)["video"]
    assert np.abs(still[0]).max() < 1e-300
