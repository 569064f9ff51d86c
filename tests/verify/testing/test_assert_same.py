"""One line in anybody's test suite: the report of a right port, or an error that says why not."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import pytest
import tensorflow as tf
import torch
from keras import layers
from torch import Tensor, nn

from port.errors import InputError
from verify import KerasModel, assert_same, probe_input

IMAGES = probe_input((2, 8, 9, 3))


def build() -> keras.Model:
    x = image = layers.Input((8, 9, 3))
    x = layers.Conv2D(4, 3, padding="same", name="stem")(x)
    x = layers.BatchNormalization(name="stem_bn")(x)
    x = layers.GlobalAveragePooling2D(name="mean")(layers.ReLU(6, name="stem_act")(x))
    return keras.Model(image, layers.Dense(3, name="classes")(x))


class Port(nn.Module):
    def __init__(self, eps: float = 1e-3) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 4, 3, padding=1)
        self.stem_bn = nn.BatchNorm2d(4, eps)
        self.stem_act = nn.ReLU6()
        self.classes = nn.Linear(4, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.classes(self.stem_act(self.stem_bn(self.stem(x))).mean((2, 3)))


def as_function(_folder: Path) -> Any:
    model = build()
    return tf.function(model, input_signature=[tf.TensorSpec((None, 8, 9, 3))])


def as_saved_model(folder: Path) -> Any:
    build().export(folder / "saved", verbose=False)
    return folder / "saved"


def as_keras_file(folder: Path) -> Any:
    build().save(folder / "net.keras")
    return str(folder / "net.keras")


ORIGINALS: dict[str, Callable[[Path], Any]] = {
    "a function that builds": lambda _: build,
    "a model": lambda _: build(),
    "an original": lambda _: KerasModel(build),
    "a tf.function": as_function,
    "a SavedModel": as_saved_model,
    "a Keras file": as_keras_file,
}


@pytest.mark.parametrize("kind", ORIGINALS)
def test_every_kind_of_original_is_taken(kind: str, tmp_path: Path) -> None:
    assert assert_same(ORIGINALS[kind](tmp_path), Port(), IMAGES).passed


def test_torch_tensors_are_inputs_too() -> None:
    assert assert_same(build, Port(), torch.from_numpy(IMAGES), seed=0).passed


def test_the_error_names_the_guilty_layer_its_figures_and_the_cause() -> None:
    with pytest.raises(AssertionError) as raised:
        assert_same(build, Port(eps=1e-5), IMAGES, seed=0)
    told = str(raised.value)
    verdict, guilty, *_ = told.splitlines()
    assert verdict.startswith("Port differs at 5 of 6 taps, first at stem_bn")
    assert guilty.startswith(
        "  stem_bn [2, 8, 9, 4]: another function (isolated); by itself off by"
    )
    assert "stem_bn: epsilon 1e-05 instead of 0.001 explains 100.0 %" in told
    assert len(told.splitlines()) < 40


def test_training_that_differs_is_told_by_value() -> None:
    with pytest.raises(AssertionError) as raised:
        assert_same(build, Port(), IMAGES, seed=0, level="training")
    told = str(raised.value)
    assert "stem_bn/moving_mean [4]: another function" in told
    assert "momentum 0.1 instead of 0.01 explains 100.0 %" in told


def test_what_is_no_original_is_refused_in_a_line() -> None:
    with pytest.raises(InputError, match="neither a Keras model, a function"):
        assert_same(3, Port(), IMAGES)
    with pytest.raises(InputError, match=r"neither a \.keras file nor the folder of a SavedModel"):
        assert_same("nowhere", Port(), IMAGES)
