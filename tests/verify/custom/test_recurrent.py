"""Recurrent layers: standard pairs need nothing by hand, and a wrong one is named itself."""

from collections.abc import Callable
from typing import Any

import keras
import pytest
import torch
from keras import layers
from torch import Tensor, nn

import verify
from tests.verify.custom.matched import matching_of
from verify.custom import KerasModel, port_spec, probe_input
from verify.diagnosis.diagnose import diagnose
from verify.engine.training import compare_training
from verify.specs.spec import PortSpec

SEQUENCES = probe_input((2, 5, 3))


class Net(nn.Module):
    """One recurrent layer, of whose sequence `pick` takes what a dense layer reads."""

    def __init__(
        self,
        rnn: nn.Module,
        pick: Callable[[Tensor], Tensor] = lambda sequence: sequence[:, -1],
        feed: Callable[[Tensor], Tensor] = lambda x: x,
        width: int = 4,
    ) -> None:
        super().__init__()
        self.rnn, self.classes = rnn, nn.Linear(width, 2)
        self.feed, self.pick = feed, pick

    def forward(self, x: Tensor) -> Tensor:
        output = self.rnn(self.feed(x))
        sequence = output[0] if isinstance(output, tuple) else output
        return self.classes(self.pick(sequence))


def keras_net(layer: Callable[[], Any]) -> Callable[[], keras.Model]:
    def build() -> keras.Model:
        inputs = layers.Input((5, 3))
        return keras.Model(inputs, layers.Dense(2, name="classes")(layer()(inputs)))

    return build


def whole(sequence: Tensor) -> Tensor:
    return sequence


def ends(sequence: Tensor) -> Tensor:
    """The last step of either direction."""
    forward, backward = sequence.chunk(2, -1)
    return torch.cat([forward[:, -1], backward[:, 0]], -1)


def time_first(x: Tensor) -> Tensor:
    return x.transpose(0, 1)


def backwards(x: Tensor) -> Tensor:
    return x.flip(1)


TORCH = {"lstm": nn.LSTM, "gru": nn.GRU, "simple": nn.RNN}
KERAS = {"lstm": layers.LSTM, "gru": layers.GRU, "simple": layers.SimpleRNN}

Pair = tuple[Callable[[], Any], Callable[[], Net]]
PAIRS: dict[str, Pair] = {
    f"{kind}, {what}": pair
    for kind, ours, theirs in ((k, KERAS[k], TORCH[k]) for k in KERAS)
    for what, pair in {
        "last output": (
            lambda ours=ours: ours(4, name="rnn"),
            lambda theirs=theirs: Net(theirs(3, 4, batch_first=True)),
        ),
        "sequences": (
            lambda ours=ours: ours(4, return_sequences=True, name="rnn"),
            lambda theirs=theirs: Net(theirs(3, 4, batch_first=True), whole),
        ),
        "time first": (
            lambda ours=ours: ours(4, name="rnn"),
            lambda theirs=theirs: Net(theirs(3, 4), lambda y: y[-1], time_first),
        ),
        "backwards": (
            lambda ours=ours: ours(4, go_backwards=True, name="rnn"),
            lambda theirs=theirs: Net(theirs(3, 4, batch_first=True), feed=backwards),
        ),
        "two directions": (
            lambda ours=ours: layers.Bidirectional(ours(4, return_sequences=True), name="rnn"),
            lambda theirs=theirs: Net(
                theirs(3, 4, batch_first=True, bidirectional=True), whole, width=8
            ),
        ),
        "ends of two directions": (
            lambda ours=ours: layers.Bidirectional(ours(4), name="rnn"),
            lambda theirs=theirs: Net(
                theirs(3, 4, batch_first=True, bidirectional=True), ends, width=8
            ),
        ),
        "sum of two directions": (
            lambda ours=ours: layers.Bidirectional(ours(4), merge_mode="sum", name="rnn"),
            lambda theirs=theirs: Net(
                theirs(3, 4, batch_first=True, bidirectional=True),
                lambda y: sum(ends(y).chunk(2, -1)),
            ),
        ),
    }.items()
}


class Derived(nn.LSTM):
    """As whoever adds to a module of torch's derives it."""


PAIRS["lstm, derived"] = (
    PAIRS["lstm, sequences"][0],
    lambda: Net(Derived(3, 4, batch_first=True), whole),
)


def spec_of(pair: Pair, **given: Any) -> PortSpec:
    original = KerasModel(keras_net(pair[0]), seed=0)
    return port_spec("net", original, pair[1](), SEQUENCES, **given)


@pytest.mark.parametrize("pair", PAIRS)
def test_a_standard_pair_needs_nothing_by_hand(pair: str) -> None:
    spec = spec_of(PAIRS[pair])
    report = verify.compare_layers(spec)
    assert report.passed, report.first_failure
    assert [tap for tap in matching_of(spec).taps if "returned" not in tap] == [
        "rnn",
        "classes",
        "output",
    ]
    assert matching_of(spec).ambiguous == []
    assert not matching_of(spec).only_in_original and not matching_of(spec).only_in_port
    assert spec.training is not None
    trained = compare_training(spec.training)
    assert trained.passed, trained.first_failure


def converted(pair: Pair, change: Callable[[dict[str, Tensor]], object]) -> PortSpec:
    """The right port with its weights right, but for a change."""
    state = spec_of(pair).port.module.state_dict()  # type: ignore[attr-defined]
    state = {key: tensor.clone() for key, tensor in state.items()}
    change(state)
    return spec_of(pair, weights=lambda _: state)


def gates(state: dict[str, Tensor], order: tuple[int, ...], what: str = "") -> None:
    for key, tensor in state.items():
        if "_l0" in key and what in key:
            blocks = tensor.clone().chunk(len(order))
            tensor.copy_(torch.cat([blocks[gate] for gate in order]))


def swap(state: dict[str, Tensor], one: str, other: str) -> None:
    state[one], state[other] = state[other], state[one]


def swap_directions(state: dict[str, Tensor]) -> None:
    for key in [key for key in state if key.endswith("_l0")]:
        swap(state, key, f"{key}_reverse")


WEIGHTS = {
    "gates of an LSTM": ("lstm, last output", lambda s: gates(s, (0, 1, 3, 2))),
    "Keras' gates in a GRU": ("gru, sequences", lambda s: gates(s, (1, 0, 2))),
    "no second bias": ("gru, last output", lambda s: s["rnn.bias_hh_l0"].zero_()),
    "the bias twice": (
        "lstm, time first",
        lambda s: s["rnn.bias_hh_l0"].copy_(s["rnn.bias_ih_l0"]),
    ),
    "biases swapped": ("gru, backwards", lambda s: swap(s, "rnn.bias_ih_l0", "rnn.bias_hh_l0")),
    "directions swapped": ("lstm, two directions", swap_directions),
    "transposed": (
        "simple, sequences",
        lambda s: s["rnn.weight_hh_l0"].copy_(s["rnn.weight_hh_l0"].T.clone()),
    ),
}


@pytest.mark.parametrize("mistake", WEIGHTS)
def test_wrong_weights_show_at_the_recurrent_layer(mistake: str) -> None:
    pair, change = WEIGHTS[mistake]
    spec = converted(PAIRS[pair], change)
    report = verify.compare_layers(spec)
    alone = [t.name for t in report.taps if t.isolated and not t.isolated.same_function]
    assert (report.first_failure, alone) == ("rnn", ["rnn"])


CAUSES = {
    "gates of an LSTM": "gates are in the order ifog, not ifgo",
    "Keras' gates in a GRU": "gates are in the order zrn, not rzn",
    "the bias twice": "second bias not zero",
    "biases swapped": "the two biases are swapped",
    "directions swapped": "the two directions are swapped",
    "transposed": "recurrent kernel not transposed",
}


@pytest.mark.parametrize("mistake", CAUSES)
def test_a_mistake_in_the_weights_is_named(mistake: str) -> None:
    pair, change = WEIGHTS[mistake]
    spec = converted(PAIRS[pair], change)
    found = diagnose(spec, verify.compare_layers(spec))
    assert [cause.name for cause in found.causes] == [CAUSES[mistake]]
    assert found.confirmed


GRU = KERAS["gru"]
PORTS: dict[str, Pair] = {
    "direction": (PAIRS["lstm, backwards"][0], PAIRS["lstm, last output"][1]),
    "reset after": (
        lambda: GRU(4, reset_after=False, name="rnn"),
        lambda: Net(nn.GRU(3, 4, batch_first=True)),
    ),
    "ReLU in place of tanh": (
        PAIRS["simple, last output"][0],
        lambda: Net(nn.RNN(3, 4, batch_first=True, nonlinearity="relu")),
    ),
    "batch and time swapped": (
        PAIRS["gru, sequences"][0],
        lambda: Net(nn.GRU(3, 4, batch_first=False), whole),
    ),
}


@pytest.mark.parametrize("mistake", PORTS)
def test_a_wrong_recurrent_layer_is_named_itself(mistake: str) -> None:
    report = verify.compare_layers(spec_of(PORTS[mistake]))
    alone = [t.name for t in report.taps if t.isolated and not t.isolated.same_function]
    assert (report.first_failure, alone) == ("rnn", ["rnn"])


@pytest.mark.parametrize(
    ("mistake", "cause"),
    [
        ("direction", "reads time in the wrong direction"),
        ("reset after", "reset_after is True, not False"),
        ("ReLU in place of tanh", "relu instead of tanh"),
        ("batch and time swapped", "batch_first is False"),
    ],
)
def test_a_wrong_recurrent_layers_mistake_is_named(mistake: str, cause: str) -> None:
    spec = spec_of(PORTS[mistake])
    found = diagnose(spec, verify.compare_layers(spec))
    assert [cause.name for cause in found.causes] == [cause]


def pasted(spec: PortSpec) -> dict[str, tuple[str, str]]:
    """The table of weights as a review prints it."""
    told = matching_of(spec).weights.items()
    split = {source: place.removesuffix(")").split(" (", 1) for source, place in told}
    return {source: (target, layout) for source, (target, layout) in split.items()}


@pytest.mark.parametrize("pair", ["gru, sequences", "lstm, ends of two directions"])
def test_what_a_review_prints_can_be_pasted(pair: str) -> None:
    table = pasted(spec_of(PAIRS[pair]))
    spec = spec_of(PAIRS[pair], weights=table)
    assert pasted(spec) == table
    assert "rnn" in matching_of(spec).taps
    assert verify.compare_layers(spec).passed


def test_a_stack_is_one_module_and_a_layer_of_ones_own_is_its_layer() -> None:
    """Two layers of Keras in one of torch; then a cell by hand that returns its last step."""

    def stack() -> keras.Model:
        x = inputs = layers.Input((5, 3))
        x = layers.Bidirectional(layers.GRU(4, return_sequences=True), name="first")(x)
        x = layers.Bidirectional(layers.GRU(4), name="second")(x)
        return keras.Model(inputs, layers.Dense(2, name="classes")(x))

    port = Net(nn.GRU(3, 4, 2, batch_first=True, bidirectional=True), ends, width=8)
    spec = port_spec("stack", KerasModel(stack, seed=0), port, SEQUENCES)
    assert list(matching_of(spec).taps) == ["second", "second/returned", "classes", "output"]
    assert verify.compare_layers(spec).passed


class ResetBefore(nn.Module):
    """Keras' GRU with reset_after=False, which torch has not."""

    def __init__(self, after: bool = False) -> None:
        super().__init__()
        self.kernel = nn.Parameter(torch.empty(3, 12))
        self.recurrent_kernel = nn.Parameter(torch.empty(4, 12))
        self.bias = nn.Parameter(torch.empty(12))
        self.after = after

    def forward(self, x: Tensor) -> Tensor:
        h = x.new_zeros(len(x), 4)
        u_zr, u_h = self.recurrent_kernel.split([8, 4], 1)
        for step in (x @ self.kernel + self.bias).unbind(1):
            z, r = (step[:, :8] + h @ u_zr).sigmoid().chunk(2, 1)
            recurrent = r * (h @ u_h) if self.after else (r * h) @ u_h
            h = z * h + (1 - z) * (step[:, 8:] + recurrent).tanh()
        return h


@pytest.mark.parametrize(("after", "failure"), [(False, None), (True, "rnn/returned")])
def test_a_loop_by_hand_is_judged_by_what_the_layer_returns(
    after: bool, failure: str | None
) -> None:
    pair = PORTS["reset after"][0], lambda: Net(ResetBefore(after), whole)
    assert verify.compare_layers(spec_of(pair)).first_failure == failure
