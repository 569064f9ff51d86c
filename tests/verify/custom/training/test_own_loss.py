"""A loss of the user's own, of what either side returns, in place of weighted sums of outputs."""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers
from torch import Tensor, nn, tensor
from torch.nn import functional as F

from port.errors import InputError
from verify.custom import KerasModel, port_spec, probe_input, tf_function
from verify.diagnosis.verify import verify
from verify.reports.training_report import TrainingReport

FEATURES = probe_input((6, 5))
LABELS = np.array([0, 2, 1, 1, 0, 2])
TARGETS = np.linspace(-1, 1, 6, dtype=np.float32)[:, None]


def build() -> keras.Model:
    x = inputs = layers.Input((5,))
    x = layers.BatchNormalization(name="norm")(layers.Dense(4, name="first")(x))
    outputs = {
        "classes": layers.Dense(3, name="to_classes")(x),
        "value": layers.Dense(1, name="to_value")(x),
    }
    return keras.Model(inputs, outputs)


class Norm(nn.BatchNorm1d):
    """Keras' moving statistics are of another kind, which is not the matter here."""

    def forward(self, x: Tensor) -> Tensor:
        y = F.batch_norm(x, None, None, self.weight, self.bias, True, 0.0, self.eps)
        if not self.training:
            return super().forward(x)
        self.running_mean.lerp_(x.detach().mean(0), 0.01)  # type: ignore[union-attr]
        self.running_var.lerp_(x.detach().var(0, correction=0), 0.01)  # type: ignore[union-attr]
        return y


class Port(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first, self.norm = nn.Linear(5, 4), Norm(4, eps=1e-3)
        self.to_classes, self.to_value = nn.Linear(4, 3), nn.Linear(4, 1)

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        x = self.norm(self.first(x))
        return {"classes": self.to_classes(x), "value": self.to_value(x)}


def loss_of_keras(outputs: Any) -> Any:
    entropy = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    square = keras.losses.MeanSquaredError()
    return entropy(LABELS, outputs["classes"]) + 0.5 * square(TARGETS, outputs["value"])


def loss_of_torch(outputs: Any, share: float = 0.5, smoothing: float = 0.0) -> Tensor:
    entropy = F.cross_entropy(outputs["classes"], tensor(LABELS), label_smoothing=smoothing)
    value = outputs["value"]
    return entropy + share * F.mse_loss(value, tensor(TARGETS, dtype=value.dtype))


def trained(losses: Any) -> TrainingReport:
    spec = port_spec("net", KerasModel(build, seed=0), Port(), FEATURES, loss=losses)
    report = verify(spec, "training")
    assert all(tap.passed for tap in report.taps), report.summary
    outcome = report.further["training"]
    assert isinstance(outcome, TrainingReport)
    return outcome


def test_the_same_loss_passes_and_the_report_says_whose_it_was() -> None:
    report = trained((loss_of_keras, loss_of_torch))
    assert report.passed, report.summary
    assert report.about.remarks["loss"] == "the user's own"


@pytest.mark.parametrize("wrong", [{"share": 1.0}, {"smoothing": 0.1}])
def test_another_loss_fails_in_itself_and_in_gradients(wrong: dict[str, float]) -> None:
    report = trained((loss_of_keras, lambda outputs: loss_of_torch(outputs, **wrong)))
    failing = [value.name for value in report.values if not value.passed]
    assert (failing[0], "gradient/to_value/kernel" in failing) == ("loss", "share" in wrong), (
        failing
    )


REFUSED: dict[str, tuple[Any, Callable[[], Any], str]] = {
    "one function": (loss_of_keras, lambda: KerasModel(build), "loss: give two functions"),
    "a name": ("mse", lambda: KerasModel(build), "loss: give two functions"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_no_loss_is_refused(case: str) -> None:
    loss, original, told = REFUSED[case]
    with pytest.raises(InputError, match=told):
        port_spec("net", original(), Port(), FEATURES, loss=loss)


def test_a_loss_that_stops_or_is_no_number_is_not_judged_and_why_is_said() -> None:
    for wrong, told in (
        (lambda outputs: outputs["nothing"], "loss: the original's stopped: KeyError"),
        (lambda outputs: outputs["value"], "loss: the original's returns a float"),
    ):
        spec = port_spec(
            "net", KerasModel(build, seed=0), Port(), FEATURES, loss=(wrong, loss_of_torch)
        )
        assert told in (verify(spec, "training").about.skipped or {})["training"]


def test_a_function_has_none() -> None:
    import tensorflow as tf

    class Double(tf.Module):
        def __init__(self) -> None:
            super().__init__()
            self.w = tf.Variable(np.ones((5, 2), "float32"), name="kernel")

        @tf.function(input_signature=[tf.TensorSpec([None, 5])])
        def __call__(self, x: Any) -> Any:
            return tf.matmul(x, self.w)

    double = Double()
    with pytest.raises(InputError, match="loss: a graph or function"):
        port_spec(
            "net",
            tf_function(double.__call__),
            nn.Linear(5, 2, bias=False),
            FEATURES,
            loss=(loss_of_keras, loss_of_torch),
        )
