"""Mistakes of and around recurrent layers: each fails, and is the first cause that is named."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import pytest
import torch
from keras import layers
from torch import Tensor, nn

from tests.verify.custom.recurrent.net_pair import NetPair, Wrong, keras_net, misjudged
from verify.custom import probe_input

SEQUENCES = probe_input((2, 5, 3))
PADDED = SEQUENCES.copy()
PADDED[0, 3:] = 0
PADDED[1, 4:] = 0
LAYERS = {"lstm": layers.LSTM, "gru": layers.GRU, "simple": layers.SimpleRNN}
MODULES = {"lstm": nn.LSTM, "gru": nn.GRU, "simple": nn.RNN}
CELLS = {"lstm": nn.LSTMCell, "gru": nn.GRUCell, "simple": nn.RNNCell}
KINDS = tuple(LAYERS)
RNN, TAKEN, LOOP = ("rnn",), ("rnn/returned",), ("rnn/returned", "rnn")

Take = Callable[[Any], Tensor]
State = dict[str, Tensor]


class Net(nn.Module):
    """A recurrent module, of whose output `take` makes what a dense layer reads."""

    def __init__(self, rnn: nn.Module, take: Take, width: int = 4) -> None:
        super().__init__()
        self.rnn, self.take, self.classes = rnn, take, nn.Linear(width, 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.classes(self.take(self.rnn(x)))


class Begun(nn.Module):
    """Begins with ones."""

    def __init__(self, kind: str) -> None:
        super().__init__()
        self.inner = MODULES[kind](3, 4, batch_first=True)

    def forward(self, x: Tensor) -> Any:
        h = x.new_ones(1, len(x), 4)
        return self.inner(x, (h, h) if isinstance(self.inner, nn.LSTM) else h)


@dataclass(frozen=True)
class Steps:
    """How a loop steps through time, and what it gets wrong."""

    wrong: str = ""
    sequences: bool = False


class Loop(nn.Module):
    def __init__(self, cell: nn.RNNCellBase, how: Steps) -> None:
        super().__init__()
        self.cell, self.how = cell, how

    def forward(self, x: Tensor) -> Tensor:
        wrong = self.how.wrong
        h = c = x.new_full((len(x), 4), float(wrong == "ones"))
        outputs = []
        for step in (x.flip(1) if wrong == "direction" else x).unbind(1):
            if isinstance(self.cell, nn.LSTMCell):
                h, new = self.cell(step, (c, h) if wrong == "swapped" else (h, c))
                c = c if wrong == "c kept" else new
            else:
                h = self.cell(step, h * 0 if wrong == "forgets" else h)
            outputs.append(h)
            if wrong == "stops" and len(outputs) == 4:
                break
        if wrong == "returns c":
            return c
        return torch.stack(outputs, 1) if self.how.sequences else h


def module(kind: str, **how: Any) -> nn.Module:
    return MODULES[kind](3, 4, batch_first=True, **how)


def sequence(output: Any) -> Tensor:
    return output[0]


def last(output: Any) -> Tensor:
    return output[0][:, -1]


def as_it_is(output: Any) -> Tensor:
    return output


def ends(output: Any) -> tuple[Tensor, Tensor]:
    forward, backward = output[0].chunk(2, -1)
    return forward[:, -1], backward[:, 0]


def reordered(order: tuple[int, ...], which: str) -> Callable[[State], None]:
    def change(state: State) -> None:
        for key, tensor in state.items():
            if which in key:
                blocks = tensor.clone().chunk(len(order))
                tensor.copy_(torch.cat([blocks[gate] for gate in order]))

    return change


def one(kind: str, **how: Any) -> Callable[[Any], Any]:
    return lambda x: LAYERS[kind](4, name="rnn", **how)(x)


def both(kind: str, merge: str = "concat", **how: Any) -> Callable[[Any], Any]:
    return lambda x: layers.Bidirectional(LAYERS[kind](4, **how), merge_mode=merge, name="rnn")(x)


def pair(layer: Callable[[Any], Any], wrong: Mapping[str, Wrong], padded: bool = False) -> NetPair:
    inputs = PADDED if padded else SEQUENCES
    return NetPair(keras_net(layer, (5, 3)), inputs, {}, wrong)


def taken(kind: str) -> dict[str, Wrong]:
    """What is taken of a sequence, where it should be the last step."""

    def taking(take: Take, cause: str) -> Wrong:
        return Wrong(lambda: Net(module(kind), take), TAKEN, cause)

    return {
        "the first": taking(lambda y: y[0][:, 0], "should take element -1 of axis 1"),
        "one before": taking(lambda y: y[0][:, -2], "should take element -1 of axis 1"),
        "the mean": taking(lambda y: y[0].mean(1), "should take the last step of the sequence"),
        "ones to begin with": Wrong(
            lambda: Net(Begun(kind), last), RNN, "the initial state should be zeros"
        ),
    }


def of_two(kind: str) -> dict[str, Wrong]:
    """What is made of the ends of two directions."""

    def taking(take: Take, cause: str) -> Wrong:
        return Wrong(lambda: Net(module(kind, bidirectional=True), take, 8), TAKEN, cause)

    return {
        "the last step": taking(last, "should take the ends of both directions"),
        "the second first": taking(
            lambda y: torch.cat(ends(y)[::-1], -1), "concatenated in another order"
        ),
    }


def merged(kind: str) -> dict[str, Wrong]:
    make = lambda: Net(module(kind, bidirectional=True), lambda y: sum(ends(y)))  # noqa: E731
    return {"sum": Wrong(make, TAKEN, "add does not compute the mean")}


def looped(kind: str) -> dict[str, Wrong]:
    causes = {
        "direction": "wrong direction",
        "ones": "the initial state is 1, not 0",
        "stops": "1 step left out at the end",
    }
    if kind == "lstm":
        causes |= {
            "swapped": "states h and c are swapped",
            "c kept": "state c is not handed on",
            "returns c": "returns state c, not h",
        }
    else:
        causes["forgets"] = "the state is not handed on"
    return {
        wrong: Wrong(lambda wrong=wrong: Net(Loop(CELLS[kind](3, 4), Steps(wrong)), as_it_is),
                     LOOP, cause)
        for wrong, cause in causes.items()
    }  # fmt: skip


def functions(kind: str, **how: Any) -> tuple[Callable[[Any], Any], dict[str, Wrong]]:
    told = "hard sigmoid" if "recurrent_activation" in how else "tanh instead of"
    return one(kind, **how), {"torch's": Wrong(lambda: Net(module(kind), last), RNN, told)}


PAIRS = {
    **{f"{kind}, its last step": pair(one(kind), taken(kind)) for kind in KINDS},
    **{f"{kind}, ends": pair(both(kind), of_two(kind)) for kind in KINDS},
    **{f"{kind}, average of ends": pair(both(kind, "ave"), merged(kind)) for kind in KINDS},
    **{f"{kind}, a loop": pair(one(kind), looped(kind)) for kind in KINDS},
    **{
        f"{kind}, backwards": pair(
            one(kind, go_backwards=True, return_sequences=True),
            {
                "forgotten": Wrong(
                    lambda kind=kind: Net(module(kind), sequence), RNN, "wrong direction"
                ),
            },
        )
        for kind in KINDS
    },
    "functions, lstm's gates": pair(*functions("lstm", recurrent_activation="hard_sigmoid")),
    "functions, gru's gates": pair(*functions("gru", recurrent_activation="hard_sigmoid")),
    "functions, lstm": pair(*functions("lstm", activation="relu")),
    "functions, gru": pair(*functions("gru", activation=None)),
    "gates of a cell": pair(
        one("gru"),
        {
            "Keras' order": Wrong(
                lambda: Net(Loop(nn.GRUCell(3, 4), Steps()), as_it_is),
                LOOP,
                "cell: gates are in the order zrn",
                reordered((1, 0, 2), "cell"),
            )
        },
    ),
}
FAST = ("lstm, its last step", "gru, ends", "lstm, a loop", "functions, gru's gates")


def masked(kind: str) -> NetPair:
    def layer(x: Any) -> Any:
        return both(kind, return_sequences=True)(layers.Masking(name="masking")(x))

    make = lambda: Net(module(kind, bidirectional=True), sequence, 8)  # noqa: E731
    return pair(layer, {"ignored": Wrong(make, RNN, "a mask is ignored")}, padded=True)


PAIRS |= {f"{kind}, masked": masked(kind) for kind in KINDS}


@pytest.mark.parametrize(
    "name", [name if name in FAST else pytest.param(name, marks=pytest.mark.slow) for name in PAIRS]
)
def test_a_mistake_fails_and_is_named(name: str) -> None:
    assert misjudged(PAIRS[name]) == []


def encoder_decoder(kind: str) -> Callable[[], keras.Model]:
    def build() -> keras.Model:
        first, second = layers.Input((5, 3), name="first"), layers.Input((4, 3), name="second")
        _, *states = LAYERS[kind](4, return_state=True, name="encoder")(first)
        decoder = LAYERS[kind](4, return_sequences=True, name="decoder")
        y = decoder(second, initial_state=states)
        return keras.Model([first, second], layers.Dense(2, name="classes")(y))

    return build


class EncoderDecoder(nn.Module):
    def __init__(self, kind: str, handed: Callable[[Any], Any]) -> None:
        super().__init__()
        self.encoder, self.decoder = module(kind), module(kind)
        self.classes, self.handed = nn.Linear(4, 2), handed

    def forward(self, first: Tensor, second: Tensor) -> Tensor:
        _, state = self.encoder(first)
        return self.classes(self.decoder(second, self.handed(state))[0])


HANDED: dict[str, tuple[str, Callable[[Any], Any], str]] = {
    "no state": ("gru", lambda _: None, "the initial state is not that of encoder"),
    "h for c": ("lstm", lambda s: s[::-1], "h and c of the initial state are swapped"),
    "no c": ("lstm", lambda s: (s[0], 0 * s[1]), "state c of the initial state is not that of"),
    "no h": ("lstm", lambda s: (0 * s[0], s[1]), "state h of the initial state is not that of"),
}


@pytest.mark.parametrize("kind", ["gru", "lstm"])
def test_states_that_are_not_handed_on_are_named(kind: str) -> None:
    inputs: dict[str, np.ndarray] = {"first": SEQUENCES, "second": probe_input((2, 4, 3), seed=1)}
    wrong = {
        name: Wrong(lambda handed=handed: EncoderDecoder(kind, handed), ("decoder",), cause)
        for name, (of, handed, cause) in HANDED.items()
        if of == kind
    }
    assert misjudged(NetPair(encoder_decoder(kind), inputs, {}, wrong)) == []
