"""Gradients of variables are measured by those of variables, that of the input by itself alone."""

from dataclasses import dataclass

import numpy as np
import pytest

from verify import Reason
from verify.engine.training import compare_training
from verify.reports.training_report import ValueReport
from verify.specs.spec import Arrays
from verify.specs.training_spec import TrainingBatch, TrainingSpec, gradient_of

WEIGHT, SMALL, INPUT = gradient_of("w"), gradient_of("b"), gradient_of("video")


@dataclass(frozen=True)
class Side:
    """Computes gradients of these sizes, one of them off by a share of itself."""

    sizes: dict[str, float]
    wrong: str = ""

    def run(self, batch: TrainingBatch) -> Arrays:
        return {
            name: size * (1 + 1e-3 * (name == self.wrong)) * np.array([1.0, -0.5])
            for name, size in self.sizes.items()
        }

    def close(self) -> None:
        pass


def judged(sizes: dict[str, float], wrong: str) -> dict[str, ValueReport]:
    spec = TrainingSpec(
        name="units",
        values=list(sizes),
        original=lambda precision: Side(sizes),
        port=lambda precision: Side(sizes, wrong),
        batches=[TrainingBatch(np.ones((1, 1, 1, 1, 3), np.float32), np.zeros(1))],
        input_gradient=INPUT,
    )
    return {row.name: row for row in compare_training(spec).values}


@pytest.mark.parametrize("of_input", [1e-12, 1.0, 1e12])
def test_the_inputs_gradient_decides_nothing_about_variables(of_input: float) -> None:
    rows = judged({WEIGHT: 1.0, SMALL: 0.1, INPUT: of_input}, wrong=SMALL)
    assert {name: row.reason for name, row in rows.items()} == {
        WEIGHT: None,
        SMALL: Reason.OTHER_FUNCTION,
        INPUT: None,
    }
    assert not rows[SMALL].cancelled
    assert rows[SMALL].float64_error == pytest.approx(1e-3)


@pytest.mark.parametrize("of_input", [1e-12, 1.0, 1e12])
def test_variables_decide_nothing_about_the_inputs_gradient(of_input: float) -> None:
    row = judged({WEIGHT: 1.0, INPUT: of_input}, wrong=INPUT)[INPUT]
    assert row.reason == "another function"
    assert not row.cancelled
    assert row.float64_error == pytest.approx(1e-3)


def test_what_cancels_beside_other_variables_is_still_measured_by_them() -> None:
    row = judged({WEIGHT: 1.0, SMALL: 1e-13, INPUT: 1.0}, wrong=SMALL)[SMALL]
    assert row.passed
    assert row.cancelled
