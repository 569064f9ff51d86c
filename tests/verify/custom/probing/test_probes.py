"""What one input hides, the level `probes` shows; a right port passes there as well."""

from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
import torch
from keras import layers
from torch import Tensor, nn
from torch.nn import functional as F

import verify
from tests.tvn_cli.run import tvn
from verify.custom import KerasModel, port_spec, probe_input, tf_function
from verify.custom.originals.original import AnyOriginal
from verify.custom.probing.inputs import draw_probes

# So small that no value reaches the cap at six.
IMAGES = probe_input((2, 17, 21, 3)) / 10
TOKENS = np.random.default_rng(0).integers(3, 9, (2, 6)).astype(np.int32)


def images() -> keras.Model:
    x = pixels = layers.Input((None, None, 3))
    x = layers.Conv2D(8, 3, strides=2, padding="same", name="first")(x)
    x = layers.ReLU(6.0, name="act")(x)
    x = layers.Conv2D(4, 3, strides=2, padding="same", name="second")(x)
    return keras.Model(pixels, layers.GlobalAveragePooling2D(name="pool")(x))


@cache
def built(build: Callable[[], keras.Model]) -> KerasModel:
    """Once for all cases."""
    return KerasModel(build, seed=0)


class Images(nn.Module):
    def __init__(self, act: type[nn.Module] = nn.ReLU6) -> None:
        super().__init__()
        self.first, self.act = nn.Conv2d(3, 8, 3, 2), act()
        self.second = nn.Conv2d(8, 4, 3, 2)

    def pad(self, x: Tensor) -> Tensor:
        (height, width), odd = x.shape[2:], (1, 1)
        return F.pad(x, (width % 2, odd[0], height % 2, odd[1]))

    def forward(self, x: Tensor) -> Tensor:
        return self.second(self.pad(self.act(self.first(self.pad(x))))).mean((2, 3))


class Symmetric(Images):
    """Right at odd sizes."""

    def pad(self, x: Tensor) -> Tensor:
        return F.pad(x, (1, 1, 1, 1))


class Squeezed(Images):
    """Right of more samples than one."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x).squeeze()


class Absolute(Images):
    """Right of what is nowhere negative."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x.abs())


class Places(layers.Layer):
    """Adds what is learnt of seven places."""

    def build(self, shape: tuple[int, ...]) -> None:
        self.table = self.add_weight(shape=(7, 4), name="embeddings")

    def call(self, x: tf.Tensor) -> tf.Tensor:
        return x + tf.gather(tf.convert_to_tensor(self.table), tf.range(tf.shape(x)[1]))


def text() -> keras.Model:
    tokens = layers.Input((None,), dtype="int32")
    x = Places(name="places")(layers.Embedding(11, 4, name="embed")(tokens))
    return keras.Model(tokens, layers.Dense(3, name="classes")(x))


class Text(nn.Module):
    def __init__(self, padding: int | None = None) -> None:
        super().__init__()
        self.embed, self.places = nn.Embedding(11, 4), nn.Embedding(7, 4)
        self.classes, self.padding = nn.Linear(4, 3), padding

    def forward(self, tokens: Tensor) -> Tensor:
        x = self.embed(tokens)
        if self.padding is not None:
            x = x * (tokens != self.padding)[..., None]
        return self.classes(x + self.places(torch.arange(tokens.shape[1])))


def noise() -> keras.Model:
    x = series = layers.Input((None, 3))
    return keras.Model(series, layers.SimpleRNN(4, name="rnn")(layers.Masking()(x)))


class Unmasked(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.rnn = nn.RNN(3, 4, batch_first=True)

    def forward(self, x: Tensor) -> Tensor:
        return self.rnn(x)[0][:, -1]


OTHERS = dict.fromkeys(("other tokens", "1×6", "2×7", "2×3"), "places")
SERIES = probe_input((2, 6, 3)) + 0.5
# The original, the port, the inputs; the probes that fail, each with its first layer.
CASES: Mapping[str, tuple[Callable[[], keras.Model], nn.Module, np.ndarray, dict[str, str]]] = {
    "right": (images, Images(), IMAGES, {}),
    "no cap": (images, Images(nn.ReLU), IMAGES, {"large biases": "act"}),
    "padding": (images, Symmetric(), IMAGES, {"2×18×23×3": "first", "2×8×11×3": "first"}),
    "squeezed": (images, Squeezed(), IMAGES, {"1×17×21×3": "output"}),
    "absolute": (images, Absolute(), IMAGES, {"negative": "first"}),
    "right of text": (text, Text(), TOKENS, {}),
    "the first token": (text, Text(0), TOKENS, OTHERS),
    "the last token": (text, Text(10), TOKENS, OTHERS),
    "no mask": (noise, Unmasked(), SERIES, {"small, and zeros": "rnn"}),
}


@pytest.mark.parametrize("case", CASES)
def test_what_the_given_input_hides_fails_at_its_probe_and_layer(case: str) -> None:
    build, port, inputs, expected = CASES[case]
    report = verify.verify(port_spec(case, built(build), port, inputs), "probes", diagnose=False)
    assert all(tap.passed for tap in report.taps), "the given input shows it"
    failed = {name: o.first_failure for name, o in report.further.items() if not o.passed}
    assert {name.removeprefix("probes: "): tap for name, tap in failed.items()} == expected
    assert report.passed == (not expected)


def test_sizes_that_the_original_refuses_are_left_out_and_said() -> None:
    """It has places for seven tokens."""
    spec = port_spec("text", built(text), Text(), TOKENS)
    report = verify.verify(spec, "probes")
    assert list(report.further) == [
        f"probes: {name}" for name in ("other tokens", "1×6", "2×7", "2×3", "large biases")
    ]
    assert report.about.skipped is not None
    assert list(report.about.skipped) == ["probes: 2×10"]
    assert "the original itself refuses it" in report.about.skipped["probes: 2×10"]


def test_where_the_original_computes_no_number_nothing_is_judged() -> None:
    def build() -> keras.Model:
        x = layers.Input((4,))
        return keras.Model(x, layers.Dense(3, name="d")(keras.ops.sqrt(x)))

    class Root(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.d = nn.Linear(4, 3)

        def forward(self, x: Tensor) -> Tensor:
            return self.d(x.sqrt())

    spec = port_spec("root", KerasModel(build, seed=0), Root(), probe_input((2, 4)) + 0.1)
    report = verify.verify(spec, "probes")
    assert report.passed
    assert report.about.skipped == {
        "probes: negative": "the original itself computes no finite numbers, at sqrt"
    }


def graph() -> AnyOriginal:
    draw = np.random.default_rng(0)
    kernel = tf.Variable(draw.normal(size=(3, 3, 3, 8)).astype(np.float32), name="first/kernel")

    @tf.function(input_signature=[tf.TensorSpec((None, None, None, 3), tf.float32, name="x")])
    def function(x: tf.Tensor) -> tf.Tensor:
        return tf.reduce_mean(tf.nn.relu6(tf.nn.conv2d(x, kernel, 2, "SAME")), (1, 2))

    return tf_function(function)


def test_a_functions_signature_leaves_sizes_open_too() -> None:
    class Port(Images):
        def __init__(self, right: bool) -> None:
            super().__init__()
            self.first = nn.Conv2d(3, 8, 3, 2, bias=False)
            del self.second
            self.right = right

        def forward(self, x: Tensor) -> Tensor:
            x = self.pad(x) if self.right else F.pad(x, (1, 1, 1, 1))
            return self.act(self.first(x)).mean((2, 3))

    original = graph()
    for right in (True, False):
        report = verify.verify(port_spec("graph", original, Port(right), IMAGES), "probes")
        assert (report.passed, "probes: 2×18×23×3" in report.further) == (right, True)


@pytest.mark.parametrize("threshold", [20, 10])
def test_a_softplus_that_float32_cannot_tell_from_the_exact_one_is_right(threshold: int) -> None:
    def build() -> keras.Model:
        x = layers.Input((6,))
        return keras.Model(x, layers.Activation("softplus", name="act")(x))

    port = nn.Sequential(nn.Softplus(threshold=threshold))
    spec = port_spec("softplus", KerasModel(build, seed=0), port, 4 * probe_input((2, 6)))
    assert verify.verify(spec, "probes").passed == (threshold == 20)


def test_what_is_drawn_keeps_types_and_leaves_masks_alone() -> None:
    inputs = {"x": IMAGES, "mask": np.ones((2, 17), np.float32), "tokens": TOKENS}
    sizes = {"x": (None, None, None, 3), "mask": (None, None), "tokens": (None, 6)}
    probes = list(draw_probes(inputs, sizes, {"tokens": 11}))
    for probe in probes:
        assert {n: a.dtype for n, a in probe.inputs.items()} == {
            n: a.dtype for n, a in inputs.items()
        }
        assert np.isin(probe.inputs["mask"], (0, 1)).all()
        assert probe.inputs["mask"].shape[1] == probe.inputs["x"].shape[1], "equal axes part"
        assert probe.inputs["tokens"].max() < 11
    other = next(probe.inputs["tokens"] for probe in probes if probe.name == "other tokens")
    assert {0, 10} <= set(other.reshape(-1))


def test_the_command_names_the_probe_the_layer_and_the_cause(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    spec = tmp_path / "spec.py"
    spec.write_text(
        "from tests.verify.custom.probing.test_probes import *\n\n"
        "def spec():\n"
        "    return port_spec('mine', KerasModel(images, seed=0), Images(nn.ReLU), IMAGES)\n"
    )
    assert tvn(capsys, "verify", f"--spec={spec}").status == 0
    done = tvn(capsys, "verify", f"--spec={spec}", "--level=probes")
    assert done.status == 1
    assert "FAILED: mine: large biases differs at 4 of 5 taps, first at act" in done.out
    assert "ReLU6" in done.out
