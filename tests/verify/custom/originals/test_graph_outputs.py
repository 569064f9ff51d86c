"""Functions and SavedModels of several inputs and outputs, whole numbers and masks among them."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
import torch
from torch import Tensor, nn

import verify
from port.errors import InputError
from tests.verify.custom.matched import matching_of
from verify.custom import port_spec, probe_input, saved_model, tf1_graph, tf_function
from verify.custom.originals.graph.model import GraphModel
from verify.engine.training import compare_training
from verify.specs.spec import PortSpec

SHAPES = {"table/embeddings": (7, 3), "mix/kernel": (3, 4), "scores/kernel": (4, 5)}
TOKENS = np.array([[1, 5, 2], [6, 0, 3]], np.int32)
INPUTS = {"tokens": TOKENS, "scale": probe_input((2, 3, 1))}
v1 = tf.compat.v1


def net(tokens: Any, scale: Any, v: dict[str, Any]) -> dict[str, Any]:
    x = tf.gather(v["table/embeddings"], tokens) * scale
    scores = tf.matmul(tf.tanh(tf.matmul(x, v["mix/kernel"])), v["scores/kernel"])
    return {"scores": scores, "best": tf.argmax(scores, -1), "sure": scores > 0}


class Module(tf.Module):
    def __init__(self) -> None:
        super().__init__()
        self.v = {name: tf.Variable(tf.ones(s), name=name) for name, s in SHAPES.items()}

    @tf.function(
        input_signature=[
            tf.TensorSpec((None, 3), tf.int32, name="tokens"),
            tf.TensorSpec((None, 3, 1), tf.float32, name="scale"),
        ]
    )
    def __call__(self, tokens: Any, scale: Any) -> Any:
        return net(tokens, scale, self.v)


def from_function(folder: Path) -> GraphModel:
    module = Module()
    return tf_function(module.__call__, seed=0)


def from_saved_model(folder: Path) -> GraphModel:
    module = Module()
    tf.saved_model.save(module, str(folder), signatures=module.__call__)
    return saved_model(folder, seed=0)


def from_graph(folder: Path) -> GraphModel:
    def build() -> tuple[Any, Any]:
        tokens = v1.placeholder(tf.int32, (None, 3), "tokens")
        scale = v1.placeholder(tf.float32, (None, 3, 1), "scale")
        variables = {name: v1.get_variable(name, shape) for name, shape in SHAPES.items()}
        return [tokens, scale], net(tokens, scale, variables)

    return tf1_graph(build, seed=0)


class Port(nn.Module):
    def __init__(self, axis: int = -1, least: float = 0.0) -> None:
        super().__init__()
        self.table = nn.Embedding(7, 3)
        self.mix, self.scores = nn.Linear(3, 4, bias=False), nn.Linear(4, 5, bias=False)
        self.axis, self.least = axis, least

    def forward(self, tokens: Tensor, scale: Tensor) -> dict[str, Tensor]:
        scores = self.scores(torch.tanh(self.mix(self.table(tokens) * scale)))
        best = scores.argmax(-1) if self.axis == -1 else scores.argmin(-1)
        return {"sure": scores > self.least, "scores": scores, "best": best}


def spec_of(original: GraphModel, port: nn.Module) -> PortSpec:
    return port_spec("net", original, port, INPUTS)


@pytest.mark.parametrize("make", [from_function, from_saved_model, from_graph])
def test_every_output_is_a_tap(make: Callable[[Path], GraphModel], tmp_path: Path) -> None:
    original = make(tmp_path)
    spec = spec_of(original, Port())
    outputs = {tap for tap in matching_of(spec).taps if tap.startswith("output/")}
    assert outputs == {"output/scores", "output/best", "output/sure"}
    report = verify.compare_layers(spec)
    assert report.passed, report.first_failure
    for wrong, where in ((Port(axis=0), "output/best"), (Port(least=0.1), "output/sure")):
        judged = verify.compare_layers(spec_of(original, wrong))
        assert [tap.name for tap in judged.taps if not tap.passed] == [where]
    assert spec.training is not None
    trained = compare_training(spec.training)
    assert trained.passed, trained.first_failure


def test_inputs_are_taken_by_name_or_in_order_or_refused(tmp_path: Path) -> None:
    original = from_function(tmp_path)
    swapped = dict(reversed(INPUTS.items()))
    assert verify.compare_layers(port_spec("net", original, Port(), swapped)).passed
    cases = {
        "original's are tokens, scale, given tokens": {"tokens": TOKENS},
        "original's are tokens, scale, given tokens, factor": {"tokens": TOKENS, "factor": TOKENS},
        "does not run on tokens 2×3, scale 3×3×1": {**INPUTS, "scale": probe_input((3, 3, 1))},
        "takes int32, given float32": {**INPUTS, "tokens": probe_input((2, 3))},
    }
    for message, inputs in cases.items():
        with pytest.raises(InputError, match=message):
            port_spec("net", original, Port(), inputs)
