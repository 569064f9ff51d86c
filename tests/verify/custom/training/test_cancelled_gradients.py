"""A gradient that cancels to nothing is all rounding: a right port must not fail for it."""

import keras
import pytest
from torch import nn

import verify.engine.training
from verify.custom import KerasModel, port_spec, probe_input
from verify.custom.training.diagnose import diagnose_own_training
from verify.engine.training import compare_training
from verify.reports.outcome import Reason
from verify.reports.training_report import TrainingReport
from verify.specs.training_spec import TrainingSpec

BIAS = "gradient/conv/bias"
PIXELS = 96


def build() -> keras.Model:
    """A bias in front of a batch norm, which takes away whatever it adds."""
    x = image = keras.Input((PIXELS, PIXELS, 3))
    x = keras.layers.Conv2D(8, 3, name="conv")(x)
    x = keras.layers.BatchNormalization(name="norm", momentum=0.9, trainable=True)(x)
    x = keras.layers.GlobalAveragePooling2D(name="mean")(keras.layers.ReLU(name="relu")(x))
    return keras.Model(image, keras.layers.Dense(5, name="dense")(x))


def steps(epsilon: float = 1e-3) -> TrainingSpec:
    port = nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8, eps=epsilon), nn.ReLU())
    port += nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 5))
    images = probe_input((2, PIXELS, PIXELS, 3))
    spec = port_spec("small", KerasModel(build, seed=0), port, images)
    assert spec.training is not None
    return spec.training


def judged(epsilon: float = 1e-3) -> TrainingReport:
    return compare_training(steps(epsilon))


def gradients_that_failed(report: TrainingReport) -> dict[str, Reason | None]:
    rows = {row.name: row.reason for row in report.values if not row.passed}
    return {name: reason for name, reason in rows.items() if name.startswith("gradient")}


def test_it_is_measured_by_what_was_summed() -> None:
    report = judged()
    assert gradients_that_failed(report) == {}
    (bias,) = (row for row in report.values if row.name == BIAS)
    assert bias.cancelled


def test_it_would_fail_if_it_were_measured_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verify.engine.training, "CANCELLED", 0.0)
    assert list(gradients_that_failed(judged())) == [BIAS]


def test_a_port_that_is_wrong_fails_there_all_the_same() -> None:
    assert gradients_that_failed(judged(epsilon=1e-5))["gradient/conv/kernel"] == "another function"


def test_the_diagnosis_measures_it_likewise() -> None:
    found = diagnose_own_training(steps())
    causes = [cause.name for cause in found.causes]
    assert causes == ["unbiased moving variance instead of biased"]
    assert found.confirmed
