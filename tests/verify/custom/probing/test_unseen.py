"""What one input cannot show is said, a line a kind; what it shows is not."""

import keras
import numpy as np
import pytest
from keras import layers
from torch import nn

import verify
from tests.verify.custom.probing.test_probes import IMAGES, TOKENS, Images, Text, images, text
from verify.custom import KerasModel, port_spec, probe_input
from verify.custom.originals.bends import bends_of, unpassed
from verify.reports.page import render


def test_a_port_without_the_cap_passes_and_the_report_says_what_it_hides() -> None:
    spec = port_spec("mine", KerasModel(images, seed=0), Images(nn.ReLU), IMAGES)
    report = verify.verify(spec)
    assert report.passed
    assert report.about.not_shown == [
        "how activations go on, since no value passes 6 at act",
        "other sizes of input, which may be any×any×any×3",
    ]
    told = report.to_dict()
    assert told["about"]["not shown by this input"] == report.about.not_shown
    assert "no value passes 6 at act" in render(told)


def test_a_cap_that_the_port_alone_has_is_said_too() -> None:
    def build() -> keras.Model:
        pixels = layers.Input((8, 8, 3))
        return keras.Model(pixels, layers.Conv2D(4, 3, activation="relu", name="conv")(pixels))

    port = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU6())
    inputs = probe_input((2, 8, 8, 3)) / 10
    spec = port_spec("mine", KerasModel(build, seed=0), port, inputs)
    assert spec.about.not_shown == ["how activations go on, since no value passes 6 at conv"]
    report = verify.verify(spec, "probes")
    assert report.first_failure == "conv"
    assert all(tap.passed for tap in report.taps)


def test_tokens_that_do_not_occur_are_counted() -> None:
    spec = port_spec("text", KerasModel(text, seed=0), Text(), TOKENS)
    used = len(np.unique(TOKENS))
    assert f"{11 - used} of the 11 tokens that input may hold" in spec.about.not_shown


def test_what_training_alone_uses_is_named() -> None:
    def build() -> keras.Model:
        x = layers.Input((4,))
        y = layers.Dense(8, kernel_regularizer="l2", name="first")(x)
        y = layers.Dropout(0.5, name="drop")(y)
        y = layers.Dropout(0.0, name="nothing")(y)
        return keras.Model(x, layers.Dense(3, name="second")(y))

    port = nn.Sequential(nn.Linear(4, 8), nn.Linear(8, 3))
    spec = port_spec("mine", KerasModel(build, seed=0), port, probe_input((2, 4)))
    assert spec.about.not_shown == [
        "dropout and noise, which training alone has: drop",
        "penalties, which training alone has: first",
    ]


@pytest.mark.parametrize(
    ("activation", "bends"),
    [
        (layers.ReLU(), (0,)),
        (layers.ReLU(4.0, threshold=1.0), (1, 4)),
        (layers.Activation("hard_sigmoid"), (-3, 3)),
        (keras.activations.relu6, (0, 6)),
        (keras.activations.tanh, ()),
        (nn.Hardtanh(-2, 5), (-2, 5)),
        (nn.Hardswish(), (-3, 3)),
        (nn.GELU(), ()),
    ],
)
def test_where_an_activation_bends(activation: object, bends: tuple[float, ...]) -> None:
    assert bends_of(activation) == bends


def test_a_bend_is_passed_by_numbers_on_both_sides() -> None:
    reads = np.array([-1.0, 0.0, 6.0])
    assert unpassed((-2, -1, 0, 6, 7), reads) == (-2, -1, 6, 7)
    assert unpassed((0,), np.zeros(0)) == (0,)
