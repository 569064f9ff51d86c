"""Loops, branches and functions in graphs of either TensorFlow are one layer each."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import tensorflow as tf
import torch
from torch import Tensor, nn
from torch.nn import functional as F

import verify
from port.errors import InputError
from tests.verify.custom.matched import matching_of
from verify.custom import port_spec, probe_input, saved_model, tf1_graph, tf_function
from verify.custom.originals.graph.model import GraphModel
from verify.engine.training import compare_training
from verify.specs.spec import PortSpec

SHAPES = {
    "first/kernel": (3, 4),
    "first/bias": (4,),
    "middle/kernel": (4, 4),
    "middle/bias": (4,),
    "last/kernel": (4, 2),
    "last/bias": (2,),
}
v1 = tf.compat.v1
Net = Callable[[Any, Callable[[str, Any], Any]], Any]


def branch(h: Any, dense: Callable[[str, Any], Any]) -> Any:
    above = tf.reduce_sum(h) > 0
    return tf.cond(above, lambda: tf.tanh(dense("middle", h)), lambda: 3 * tf.sigmoid(h))


def choice(h: Any, dense: Callable[[str, Any], Any]) -> Any:
    """As a norm that asks whether it is trained: the port has a module for all of it."""
    return tf.cond(tf.reduce_sum(h) > 0, lambda: dense("middle", h), lambda: -h)


def loop(h: Any, dense: Callable[[str, Any], Any]) -> Any:
    def step(i: Any, h: Any) -> Any:
        return i + 1, tf.nn.leaky_relu(dense("middle", h), 0.3)

    return tf.while_loop(lambda i, _: i < 3, step, [0, h])[1]


def listed(h: Any, dense: Callable[[str, Any], Any]) -> Any:
    def step(i: Any, h: Any, steps: Any) -> Any:
        return i + 1, tf.tanh(dense("middle", h)), steps.write(i, 1.5 * h)

    steps = tf.TensorArray(tf.float32, 3)
    *_, steps = tf.while_loop(lambda i, *_: i < 3, step, [0, h, steps])
    return tf.reduce_sum(steps.stack(), 0)


def function(h: Any, dense: Callable[[str, Any], Any]) -> Any:
    @tf.function(autograph=False)
    def inner(h: Any) -> Any:
        return tf.nn.leaky_relu(tf.tanh(dense("middle", h)), 0.3)

    return inner(h)


NETS: dict[str, Net] = {
    "branch": branch,
    "choice": choice,
    "loop": loop,
    "listed": listed,
    "function": function,
}


def whole(x: Any, variables: dict[str, Any], net: Net) -> Any:
    def dense(name: str, x: Any) -> Any:
        return tf.matmul(x, variables[f"{name}/kernel"]) + variables[f"{name}/bias"]

    return dense("last", net(tf.nn.relu(dense("first", x)), dense))


class Module(tf.Module):
    def __init__(self, net: Net) -> None:
        super().__init__()
        self.v = {name: tf.Variable(tf.ones(s), name=name) for name, s in SHAPES.items()}
        self.net = net

    @tf.function(input_signature=[tf.TensorSpec((None, 3), tf.float32, name="x")])
    def __call__(self, x: Any) -> Any:
        return whole(x, self.v, self.net)


def from_function(net: Net, _: Path) -> GraphModel:
    module = Module(net)
    return tf_function(module.__call__, seed=0)


def from_saved_model(net: Net, folder: Path) -> GraphModel:
    module = Module(net)
    tf.saved_model.save(module, str(folder), signatures=module.__call__)
    return saved_model(folder, seed=0)


def from_graph(net: Net, _: Path) -> GraphModel:
    def build() -> tuple[Any, Any]:
        x = v1.placeholder(tf.float32, (None, 3), "x")
        return x, whole(x, {n: v1.get_variable(n, shape) for n, shape in SHAPES.items()}, net)

    return tf1_graph(build, seed=0)


def from_old_graph(net: Net, folder: Path) -> GraphModel:
    """With `Switch`, `Merge`, `Enter`, `Exit` and `NextIteration`, as TensorFlow 1 writes it."""
    v1.disable_control_flow_v2()
    try:
        return from_graph(net, folder)
    finally:
        v1.enable_control_flow_v2()


FORMS = [from_function, from_saved_model, from_graph, from_old_graph]


class Port(nn.Module):
    """A wrong one has `slope`, `rounds` or `factor` another."""

    def __init__(self, kind: str, slope: float = 0.3, rounds: int = 3, factor: float = 1.5) -> None:
        super().__init__()
        self.first, self.middle, self.last = nn.Linear(3, 4), nn.Linear(4, 4), nn.Linear(4, 2)
        self.kind, self.slope, self.rounds, self.factor = kind, slope, rounds, factor

    def forward(self, x: Tensor) -> Tensor:
        return self.last(getattr(self, self.kind)(F.relu(self.first(x))))

    def branch(self, h: Tensor) -> Tensor:
        return torch.tanh(self.middle(h)) * (self.factor / 1.5)

    def choice(self, h: Tensor) -> Tensor:
        return self.middle(h) * (self.factor / 1.5)

    def loop(self, h: Tensor) -> Tensor:
        for _ in range(self.rounds):
            h = F.leaky_relu(self.middle(h), self.slope)
        return h

    def listed(self, h: Tensor) -> Tensor:
        steps = []
        for _ in range(3):
            steps.append(self.factor * h)
            h = torch.tanh(self.middle(h))
        return torch.stack(steps).sum(0)

    def function(self, h: Tensor) -> Tensor:
        return F.leaky_relu(torch.tanh(self.middle(h)), self.slope)


WRONG: dict[str, dict[str, Any]] = {
    "branch": {"factor": 1.4},
    "choice": {"factor": 1.4},
    "loop": {"rounds": 2},
    "listed": {"factor": 1.4},
    "function": {"slope": 0.2},
}


def spec_of(kind: str, form: Callable[..., GraphModel], folder: Path, **other: Any) -> PortSpec:
    return port_spec("graph", form(NETS[kind], folder), Port(kind, **other), probe_input((2, 3)))


# The others differ in nothing that these two do not have.
TRIED = {(kind, form) for kind in ("choice", "loop") for form in FORMS}
TRIED |= {(kind, from_old_graph) for kind in NETS}


@pytest.mark.parametrize(
    ("kind", "form"),
    [
        pytest.param(kind, form, marks=[] if (kind, form) in TRIED else pytest.mark.slow)
        for kind in NETS
        for form in FORMS
    ],
)
def test_what_has_control_flow_inside_is_judged(
    kind: str, form: Callable[..., GraphModel], tmp_path: Path
) -> None:
    spec = spec_of(kind, form, tmp_path)
    assert matching_of(spec).weights.keys() == SHAPES.keys()
    assert list(spec.about.notes or ()) == []
    report = verify.compare_layers(spec)
    assert report.passed, report.first_failure
    wrong = verify.compare_layers(spec_of(kind, form, tmp_path, **WRONG[kind]))
    # Between two layers without a tap of its own, it shows at the second.
    first = {"choice": "last", "function": "LeakyRelu"}.get(kind, "middle")
    assert str(wrong.first_failure).endswith(first)
    assert ("middle" in matching_of(spec).taps) == (kind in ("choice", "function", "listed"))


@pytest.mark.parametrize("kind", ["branch", "listed"])
def test_gradients_go_through_it(kind: str, tmp_path: Path) -> None:
    for other, passes in (({}, True), (WRONG[kind], False)):
        training = spec_of(kind, from_function, tmp_path, **other).training
        assert training is not None
        report = compare_training(training)
        assert report.passed == passes, report.first_failure


def test_loops_of_tensorflow_1_have_no_gradients(tmp_path: Path) -> None:
    training = spec_of("loop", from_old_graph, tmp_path).training
    assert training is not None
    with pytest.raises(InputError, match="its loops are of TensorFlow 1"):
        compare_training(training)
