"""Originals that are graphs: a function, a SavedModel, a TensorFlow 1 graph, a meta graph."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
import torch
from torch import Tensor, nn

import verify
from port.errors import InputError
from tests.verify.custom.matched import matching_of
from verify.custom import port_spec, probe_input, saved_model, tf1_graph, tf_function
from verify.custom.originals.graph.constants import as_written, is_exact
from verify.custom.originals.graph.model import GraphModel

IMAGES = probe_input((2, 9, 9, 3))
SHAPES = {
    "conv/kernel": (3, 3, 3, 8),
    "conv/bias": (8,),
    "norm/gamma": (8,),
    "norm/beta": (8,),
    "norm/moving_mean": (8,),
    "norm/moving_variance": (8,),
    "fc/weights": (8, 5),
    "fc/biases": (5,),
}
LAYERS = ["conv", "norm", "fc"]


def net(x: Any, v: dict[str, Any]) -> Any:
    x = tf.nn.bias_add(tf.nn.conv2d(x / 255, v["conv/kernel"], 2, "SAME"), v["conv/bias"])
    statistics = v["norm/moving_mean"], v["norm/moving_variance"]
    x, *_ = tf.compat.v1.nn.fused_batch_norm(
        x, v["norm/gamma"], v["norm/beta"], *statistics, epsilon=1e-3, is_training=False
    )
    x = tf.reduce_mean(tf.nn.gelu(tf.nn.leaky_relu(tf.nn.relu6(x) - 3, 0.3)), [1, 2])
    return tf.matmul(x, v["fc/weights"]) + v["fc/biases"]


class Module(tf.Module):
    def __init__(self) -> None:
        super().__init__()
        self.v = {name: tf.Variable(tf.ones(s), name=name) for name, s in SHAPES.items()}

    @tf.function(input_signature=[tf.TensorSpec((None, 9, 9, 3), tf.float32, name="image")])
    def __call__(self, x: Any) -> Any:
        return {"logits": net(x, self.v)}


def graph() -> tuple[Any, Any]:
    v1 = tf.compat.v1
    image = v1.placeholder(tf.float32, (None, 9, 9, 3), "image")
    variables = {name: v1.get_variable(name, shape) for name, shape in SHAPES.items()}
    return image, tf.identity(net(image, variables), "logits")


def from_function(folder: Path) -> GraphModel:
    module = Module()  # a method does not keep it alive
    return tf_function(module.__call__, seed=0)


def from_saved_model(folder: Path) -> GraphModel:
    module = Module()
    tf.saved_model.save(module, str(folder), signatures=module.__call__)
    return saved_model(folder, seed=0)


def from_graph(folder: Path) -> GraphModel:
    return tf1_graph(graph, seed=0)


def from_meta_graph(folder: Path) -> GraphModel:
    return tf1_graph(f"{saved(folder)}.meta", inputs=["image"], output="logits", seed=0)


def saved(folder: Path) -> str:
    v1 = tf.compat.v1
    with tf.Graph().as_default(), v1.Session() as session:
        graph()
        session.run(v1.global_variables_initializer())
        return v1.train.Saver().save(session, str(folder / "model.ckpt"))


class Port(nn.Module):
    def __init__(self, epsilon: float = 1e-3) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 3, 2, padding=1)
        self.norm = nn.BatchNorm2d(8, eps=epsilon)
        self.act, self.leaky, self.gelu = nn.ReLU6(), nn.LeakyReLU(0.3), nn.GELU()
        self.classify = nn.Linear(8, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = self.leaky(self.act(self.norm(self.stem(x / 255))) - 3)
        return self.classify(self.gelu(x).mean((2, 3)))


@pytest.mark.parametrize("make", [from_function, from_saved_model, from_graph, from_meta_graph])
def test_every_form_is_matched_and_judged(
    make: Callable[[Path], GraphModel], tmp_path: Path
) -> None:
    original = make(tmp_path)
    assert original.variables.keys() == SHAPES.keys()
    spec = port_spec("graph", original, Port(), 255 * IMAGES)
    assert matching_of(spec).weights.keys() == SHAPES.keys()
    assert [tap for tap in matching_of(spec).taps if tap in LAYERS] == LAYERS
    assert list(spec.about.notes or ()) == []
    report = verify.compare_layers(spec)
    assert report.passed, report.first_failure
    wrong = verify.compare_layers(port_spec("graph", original, Port(epsilon=1e-5), 255 * IMAGES))
    assert wrong.first_failure == "norm"
    alone = [tap.name for tap in wrong.taps if tap.isolated and not tap.isolated.passed]
    assert alone == ["norm"]


def test_a_checkpoint_gives_the_values(tmp_path: Path) -> None:
    path = saved(tmp_path)
    stored = tf.train.load_checkpoint(path)
    built, whole = (
        tf1_graph(graph, checkpoint=path),
        tf1_graph(f"{path}.meta", checkpoint=path, inputs=["image:0"], output="logits:0"),
    )
    for name in SHAPES:
        np.testing.assert_array_equal(built.variables[name], stored.get_tensor(name))
        np.testing.assert_array_equal(whole.variables[name], stored.get_tensor(name))


class Unnamed(tf.Module):
    """Variables that are all called `Variable`."""

    def __init__(self) -> None:
        super().__init__()
        shapes = [(3, 4), (4,), (4, 2), (2,)]
        self.parts = [tf.Variable(tf.ones(shape)) for shape in shapes]

    @tf.function(input_signature=[tf.TensorSpec((None, 3), tf.float32, name="x")])
    def __call__(self, x: Any) -> Any:
        first, bias, last, other = self.parts
        return tf.matmul(tf.nn.relu(tf.matmul(x, first) + bias), last) + other


def test_variables_of_one_name_are_told_apart() -> None:
    module = Unnamed()
    original = tf_function(module.__call__, seed=0)
    assert list(original.variables) == ["Variable", "Variable~2", "Variable~3", "Variable~4"]
    for act, passes in ((nn.ReLU(), True), (nn.Tanh(), False)):
        port = nn.Sequential(nn.Linear(3, 4), act, nn.Linear(4, 2))
        spec = port_spec("graph", original, port, probe_input((2, 3)))
        assert list(matching_of(spec).weights) == list(original.variables)
        report = verify.compare_layers(spec)
        assert report.first_failure == (None if passes else "Relu")


def test_constants_are_taken_for_what_was_written() -> None:
    for written in (
        1e-3,
        1.001e-5,
        0.1,
        6.0,
        -0.7,
        1 / 3,
        1 / 255,
        0.0,
        1e-12,
        123456.0,
        2**0.5,
        1 / 3**0.5,
        -(48**0.5),
    ):
        assert as_written(np.float32(written)) == written
        assert is_exact(np.float32(written))
    assert not is_exact(np.float32(np.e))


def test_what_cannot_be_frozen_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="not a SavedModel"):
        saved_model(tmp_path)
    with pytest.raises(InputError, match="nor a concrete function"):
        tf_function(torch.relu)

    @tf.function(input_signature=[tf.TensorSpec((2,), tf.float32)])
    def two(x: Any) -> Any:
        return {"a": x, "b": -x}

    with pytest.raises(InputError, match="there are a, b"):
        tf_function(two, output="c")


class Attention(nn.Module):
    """As Keras', its kernels split by head; scores are divided by the root of three."""

    def __init__(self, root: float = 3**0.5) -> None:
        super().__init__()
        names = ("query", "key", "value", "attention_output")
        for name in names:
            self.add_module(name, nn.Linear(6, 6))
        self.root = root

    def forward(self, x: Tensor) -> Tensor:
        query, key, value = (
            self.get_submodule(name)(x).unflatten(-1, (2, 3)).transpose(1, 2)
            for name in ("query", "key", "value")
        )
        shares = (query @ key.transpose(-1, -2) / self.root).softmax(-1)
        return self.get_submodule("attention_output")((shares @ value).transpose(1, 2).flatten(2))


class Twice(nn.Module):
    def __init__(self, times: int = 2) -> None:
        super().__init__()
        self.shared, self.times = nn.Linear(6, 6), times

    def forward(self, x: Tensor) -> Tensor:
        for _ in range(self.times):
            x = torch.tanh(self.shared(x))
        return x


def attention(x: Any) -> Any:
    return keras.layers.MultiHeadAttention(2, 3, name="att")(x, x)


def twice(x: Any) -> Any:
    shared = keras.layers.Dense(6, activation="tanh", name="shared")
    return shared(shared(x))


@pytest.mark.parametrize(
    ("layer", "port", "other", "wrong"),
    [
        (attention, Attention, 6**0.5, "einsum_1/Einsum"),
        (twice, Twice, 3, "output"),
    ],
)
def test_exported_layers_of_several_operations(
    layer: Callable[[Any], Any],
    port: Callable[..., nn.Module],
    other: float,
    wrong: str,
    tmp_path: Path,
) -> None:
    x = keras.Input((5, 6))
    keras.Model(x, layer(x)).export(tmp_path, verbose=False)
    original = saved_model(tmp_path, seed=0)
    inputs = probe_input((2, 5, 6))
    report = verify.compare_layers(port_spec("graph", original, port(), inputs))
    assert report.passed, report.first_failure
    failed = verify.compare_layers(port_spec("graph", original, port(other), inputs))
    assert str(failed.first_failure).endswith(wrong)
