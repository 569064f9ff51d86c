"""Layers that TensorFlow computes in float32 alone: judged by the second verdict, as is said."""

from collections.abc import Callable
from typing import Any

import keras
import pytest
import tensorflow as tf
from keras import layers
from torch import Tensor, nn

from port.errors import InputError
from tests.verify.custom.matched import matching_of
from verify.custom import KerasModel, port_spec, probe_input
from verify.diagnosis.verify import verify

IMAGES = probe_input((2, 6, 5, 4))
HOW = {"depth_radius": 2, "bias": 1.0, "alpha": 2e-2, "beta": 0.75}


def direct(x: Any) -> Any:
    return tf.nn.local_response_normalization(x, **HOW)


def cast(x: Any) -> Any:
    return tf.cast(tf.nn.local_response_normalization(tf.cast(x, tf.float32), **HOW), x.dtype)


def net(normalise: Callable[[Any], Any]) -> Callable[[], keras.Model]:
    def build() -> keras.Model:
        x = image = layers.Input((6, 5, 4))
        x = layers.Conv2D(8, 3, name="first")(x)
        x = layers.Lambda(normalise, name="normalised")(x)
        return keras.Model(image, layers.Conv2D(3, 1, name="second")(x))

    return build


class Normalised(nn.LocalResponseNorm):
    """As whoever computes it in float32 on purpose."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x.float()).to(x.dtype)


class Port(nn.Module):
    def __init__(self, kind: type[nn.LocalResponseNorm], alpha: float = 0.1, k: float = 1) -> None:
        super().__init__()
        self.first, self.normalised = nn.Conv2d(4, 8, 3), kind(5, alpha, 0.75, k)
        self.second = nn.Conv2d(8, 3, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.second(self.normalised(self.first(x)))


@pytest.mark.parametrize("normalise", [direct, cast])
def test_a_right_port_passes_and_it_is_said_how_it_was_judged(normalise: Any) -> None:
    original = KerasModel(net(normalise), seed=0)
    for kind in (nn.LocalResponseNorm, Normalised):
        report = verify(port_spec("right", original, Port(kind), IMAGES))
        assert report.passed, report.summary
        assert [tap.name for tap in report.taps] == ["first", "normalised", "second", "output"]
        assert "agree in float64" in matching_of(report).settled
        assert any(
            note.startswith("normalised: computes in float32 alone")
            for note in report.about.notes or ()
        )
    # Rounding is granted where float32 is inside, and behind it, and nowhere else.
    explained = [tap.accumulated.explained > 0 for tap in report.taps if tap.accumulated]
    assert explained == [False, True, True, True]
    alone = {tap.name: tap.isolated.explained > 0 for tap in report.taps if tap.isolated}
    assert alone == {"first": False, "normalised": True, "second": False, "output": False}


@pytest.mark.parametrize("wrong", [{"alpha": 0.1001}, {"k": 1.0001}])
def test_a_wrong_one_fails_there(wrong: dict[str, float]) -> None:
    port = Port(nn.LocalResponseNorm, **wrong)
    report = verify(port_spec("wrong", KerasModel(net(direct), seed=0), port, IMAGES))
    assert report.first_failure == "normalised"
    assert [tap.name for tap in report.taps if tap.isolated and not tap.isolated.passed] == [
        "normalised"
    ]


def test_its_gradients_are_not_judged() -> None:
    spec = port_spec("right", KerasModel(net(direct), seed=0), Port(nn.LocalResponseNorm), IMAGES)
    skipped = verify(spec, "training").about.skipped or {}
    assert "normalised computes in float32 alone" in skipped["training"]


def test_a_layer_that_does_not_run_at_all_is_refused_as_ever() -> None:
    def refusing(x: Any) -> Any:
        if x.shape[0] == 2:
            raise ValueError("no such thing")
        return x

    with pytest.raises(InputError, match="no such thing"):
        port_spec("no", KerasModel(net(refusing), seed=0), Port(nn.LocalResponseNorm), IMAGES)
