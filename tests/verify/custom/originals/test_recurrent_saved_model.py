"""Keras models with recurrent layers, exported: their loops are matched with torch's modules."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import pytest
import torch
from keras import layers
from torch import Tensor, nn

import verify
from tests.verify.custom.matched import matching_of
from verify.custom import port_spec, probe_input, saved_model
from verify.engine.training import compare_training
from verify.specs.spec import PortSpec

KERAS = {"lstm": layers.LSTM, "gru": layers.GRU, "simple": layers.SimpleRNN}
TORCH = {"lstm": nn.LSTM, "gru": nn.GRU, "simple": nn.RNN}


class Net(nn.Module):
    def __init__(self, rnn: nn.Module, pick: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.rnn, self.pick, self.classes = rnn, pick, nn.Linear(4, 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.classes(self.pick(self.rnn(x)[0]))


def spec_of(kind: str, sequences: bool, folder: Path, batch_first: bool = True) -> PortSpec:
    if not folder.exists():
        x = layers.Input((5, 3))
        rnn = KERAS[kind](4, return_sequences=sequences, name="rnn")(x)
        keras.Model(x, layers.Dense(2, name="classes")(rnn)).export(folder, verbose=False)
    port = Net(TORCH[kind](3, 4, batch_first=batch_first), lambda y: y if sequences else y[:, -1])
    return port_spec("net", saved_model(folder, seed=0), port, probe_input((2, 5, 3)))


@pytest.mark.parametrize(
    ("kind", "sequences"),
    [
        ("lstm", True),
        ("gru", False),
        *(
            pytest.param(*each, marks=pytest.mark.slow)
            for each in [("lstm", False), ("gru", True), ("simple", True), ("simple", False)]
        ),
    ],
)
def test_a_standard_pair_needs_nothing_by_hand(kind: str, sequences: bool, tmp_path: Path) -> None:
    spec = spec_of(kind, sequences, tmp_path / "model")
    matching = matching_of(spec)
    # A loop that keeps its last step alone has no sequence to hold against the module's.
    assert ("rnn" in matching.taps) == sequences
    assert ("rnn" in matching.not_compared) == (not sequences)
    assert not matching.only_in_original and not matching.only_in_port
    report = verify.compare_layers(spec)
    assert report.passed, report.first_failure
    wrong = verify.compare_layers(spec_of(kind, sequences, tmp_path / "model", batch_first=False))
    assert wrong.first_failure == "rnn"


@pytest.mark.parametrize("batch_first", [True, False])
def test_an_exported_loop_is_trained(batch_first: bool, tmp_path: Path) -> None:
    training = spec_of("lstm", False, tmp_path / "model", batch_first).training
    assert training is not None
    report = compare_training(training)
    assert report.passed == batch_first, report.first_failure


class Chain(nn.Module):
    """Two recurrent layers, of which the second begins with the first one's states, or not."""

    def __init__(self, hands_on: bool) -> None:
        super().__init__()
        self.one, self.two = nn.LSTM(3, 4, batch_first=True), nn.LSTM(4, 4, batch_first=True)
        self.classes, self.hands_on = nn.Linear(4, 2), hands_on

    def forward(self, x: Tensor) -> Tensor:
        sequence, states = self.one(x)
        return self.classes(self.two(sequence, states if self.hands_on else None)[0][:, -1])


class BothWays(nn.Module):
    """Whose last step is that of either direction, or of the last time."""

    def __init__(self, of_either: bool) -> None:
        super().__init__()
        self.rnn = nn.LSTM(3, 4, batch_first=True, bidirectional=True)
        self.classes, self.of_either = nn.Linear(8, 2), of_either

    def forward(self, x: Tensor) -> Tensor:
        sequence = self.rnn(x)[0]
        first, second = sequence.chunk(2, -1)
        ends = torch.cat([first[:, -1], second[:, 0]], -1)
        return self.classes(ends if self.of_either else sequence[:, -1])


def chained(x: Any) -> Any:
    sequence, *states = layers.LSTM(4, return_sequences=True, return_state=True, name="one")(x)
    return layers.LSTM(4, name="two")(sequence, initial_state=states)


def both_ways(x: Any) -> Any:
    return layers.Bidirectional(layers.LSTM(4), name="rnn")(x)


@pytest.mark.parametrize(
    ("layer", "port", "wrong"), [(chained, Chain, "two"), (both_ways, BothWays, "classes")]
)
def test_states_and_directions(
    layer: Callable[[Any], Any], port: Callable[[bool], nn.Module], wrong: str, tmp_path: Path
) -> None:
    x = layers.Input((5, 3))
    keras.Model(x, layers.Dense(2, name="classes")(layer(x))).export(tmp_path, verbose=False)
    for right in (True, False):
        original = saved_model(tmp_path, seed=0)
        spec = port_spec("net", original, port(right), probe_input((2, 5, 3)))
        assert verify.compare_layers(spec).first_failure == (None if right else wrong)
