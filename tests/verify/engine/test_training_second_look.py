"""A step that magnifies rounding: what the original's own rounding explains is no failure."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pytest

import verify.engine.training
from verify.engine.training import compare_training
from verify.reports.training_report import TrainingReport
from verify.specs.spec import Arrays
from verify.specs.training_spec import TrainingBatch, TrainingSpec, gradient_of

GRADIENT = gradient_of("w")
CLIPS = np.random.default_rng(0).normal(size=(2, 1, 40, 40, 3)).astype(np.float32)
Step = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Side:
    """Computes one gradient, in a precision."""

    step: Step
    precision: str

    def run(self, batch: TrainingBatch) -> Arrays:
        return {GRADIENT: self.step(batch.clips.astype(self.precision))}

    def close(self) -> None:
        pass


def magnified(x: np.ndarray) -> np.ndarray:
    """Of the last of many digits."""
    return np.sin(x / 7 * 1e8)


def otherwise(x: np.ndarray) -> np.ndarray:
    """The same, rounded otherwise on the way."""
    return np.sin(x * 1e8 / 7)


def judged(port: Step) -> TrainingReport:
    spec = TrainingSpec(
        name="magnifies",
        values=[GRADIENT],
        original=lambda precision: Side(magnified, precision),
        port=lambda precision: Side(port, precision),
        batches=[TrainingBatch(CLIPS, np.zeros(2)), TrainingBatch(CLIPS[::-1], np.zeros(2))],
    )
    return compare_training(spec)


def test_what_its_own_rounding_explains_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    (row,) = judged(otherwise).values
    assert row.passed, row.reason
    assert row.bound < row.float64_error <= row.explained
    monkeypatch.setattr(verify.engine.training, "RUNS", 0)
    assert judged(otherwise).values[0].reason == "another function"


def test_what_it_does_not_explain_fails() -> None:
    (row,) = judged(lambda x: otherwise(x) * (1 + 9e-7)).values
    assert row.doubtful
    assert row.reason == "another function"
    assert row.float64_error > row.explained


def test_more_than_a_doubt_is_not_looked_at_twice() -> None:
    (row,) = judged(lambda x: otherwise(x) * (1 + 1e-5)).values
    assert (row.reason, row.explained) == ("another function", 0.0)
