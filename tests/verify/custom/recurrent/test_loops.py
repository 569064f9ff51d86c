"""Loops that a port writes itself: over torch's cells, and over linear layers for the gates."""

import pytest
import torch
from keras import layers
from torch import Tensor, nn

import verify
from tests.verify.custom.matched import matching_of
from tests.verify.custom.recurrent.net_pair import NetPair, Wrong, keras_net, misjudged
from verify.custom import KerasModel, port_spec, probe_input

SEQUENCES = probe_input((2, 5, 3))


class Loop(nn.Module):
    """Steps through time."""

    def __init__(self, backwards: bool = False, sequences: bool = False) -> None:
        super().__init__()
        self.backwards, self.sequences = backwards, sequences

    def step(self, x: Tensor, h: Tensor, c: Tensor) -> tuple[Tensor, Tensor]:
        raise NotImplementedError

    def forward(self, x: Tensor) -> Tensor:
        h = c = x.new_zeros(len(x), 4)
        outputs = []
        for x_t in (x.flip(1) if self.backwards else x).unbind(1):
            h, c = self.step(x_t, h, c)
            outputs.append(h)
        return torch.stack(outputs, 1) if self.sequences else h


class Cell(Loop):
    """Over one of torch's cells."""

    def __init__(
        self, cell: nn.RNNCellBase, backwards: bool = False, sequences: bool = False
    ) -> None:
        super().__init__(backwards, sequences)
        self.cell = cell

    def step(self, x: Tensor, h: Tensor, c: Tensor) -> tuple[Tensor, Tensor]:
        if isinstance(self.cell, nn.LSTMCell):
            return self.cell(x, (h, c))
        return self.cell(x, h), c


class Flat(Cell):
    """The loop is in the net's own forward."""

    def __init__(
        self, cell: nn.RNNCellBase, backwards: bool = False, sequences: bool = False
    ) -> None:
        super().__init__(cell, backwards, sequences)
        self.classes = nn.Linear(4, 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.classes(super().forward(x))


def lstm_step(gates: tuple[Tensor, ...], c: Tensor) -> tuple[Tensor, Tensor]:
    i, f, g, o = gates
    c = f.sigmoid() * c + i.sigmoid() * g.tanh()
    return o.sigmoid() * c.tanh(), c


class TwoMatrices(Loop):
    """All gates of what is read, and all of the state; in the order i, f, o, g."""

    def __init__(self, bias: bool) -> None:
        super().__init__()
        self.x2h, self.h2h = nn.Linear(3, 16), nn.Linear(4, 16, bias=bias)

    def step(self, x: Tensor, h: Tensor, c: Tensor) -> tuple[Tensor, Tensor]:
        i, f, o, g = (self.x2h(x) + self.h2h(h)).chunk(4, -1)
        return lstm_step((i, f, g, o), c)


class EightMatrices(Loop):
    def __init__(self, crossed: bool = False) -> None:
        super().__init__()
        self.of_x = nn.ModuleDict({f"x{gate}": nn.Linear(3, 4) for gate in "ifgo"})
        self.of_h = nn.ModuleDict({f"h{gate}": nn.Linear(4, 4, bias=False) for gate in "ifgo"})
        self.order = "iofg" if crossed else "ifgo"

    def step(self, x: Tensor, h: Tensor, c: Tensor) -> tuple[Tensor, Tensor]:
        gates = tuple(self.of_x[f"x{gate}"](x) + self.of_h[f"h{gate}"](h) for gate in self.order)
        return lstm_step(gates, c)


class SideBySide(Loop):
    def __init__(self) -> None:
        super().__init__()
        self.gates = nn.Linear(3 + 4, 16)

    def step(self, x: Tensor, h: Tensor, c: Tensor) -> tuple[Tensor, Tensor]:
        return lstm_step(self.gates(torch.cat([x, h], -1)).chunk(4, -1), c)


class ResettingBefore(Loop):
    def __init__(self, after: bool = False) -> None:
        super().__init__()
        self.x2h, self.after = nn.Linear(3, 12), after
        self.h2zr, self.h2h = nn.Linear(4, 8, bias=False), nn.Linear(4, 4, bias=False)

    def step(self, x: Tensor, h: Tensor, c: Tensor) -> tuple[Tensor, Tensor]:
        z_x, r_x, n_x = self.x2h(x).chunk(3, -1)
        z_h, r_h = self.h2zr(h).chunk(2, -1)
        z, r = (z_x + z_h).sigmoid(), (r_x + r_h).sigmoid()
        n = (n_x + (r * self.h2h(h) if self.after else self.h2h(r * h))).tanh()
        return z * h + (1 - z) * n, c


class SquareElman(Loop):
    """What is read and the state have equally many features."""

    def __init__(self) -> None:
        super().__init__()
        self.i2h, self.h2h = nn.Linear(4, 4), nn.Linear(4, 4, bias=False)

    def step(self, x: Tensor, h: Tensor, c: Tensor) -> tuple[Tensor, Tensor]:
        return (self.i2h(x) + self.h2h(h)).tanh(), c


class Net(nn.Module):
    def __init__(self, rnn: nn.Module) -> None:
        super().__init__()
        self.rnn, self.classes = rnn, nn.Linear(4, 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.classes(self.rnn(x))


KINDS = {
    "LSTM": (layers.LSTM, nn.LSTMCell),
    "GRU": (layers.GRU, nn.GRUCell),
    "SimpleRNN": (layers.SimpleRNN, nn.RNNCell),
}


def cells(kind: str, sequences: bool) -> NetPair:
    layer, cell = KINDS[kind]
    return NetPair(
        keras_net(lambda x: layer(4, return_sequences=sequences, name="rnn")(x), (5, 3)),
        SEQUENCES,
        {
            "in a module": lambda: Net(Cell(cell(3, 4), sequences=sequences)),
            "in forward": lambda: Flat(cell(3, 4), sequences=sequences),
        },
        {
            "direction": Wrong(
                lambda: Net(Cell(cell(3, 4), True, sequences)),
                ("rnn" if sequences else "rnn/returned",),
            ),
            "direction in forward": Wrong(lambda: Flat(cell(3, 4), True, sequences), ("rnn",)),
        },
    )


PAIRS = {
    **{f"{kind} as cells": cells(kind, kind == "GRU") for kind in KINDS},
    "LSTM of linear layers": NetPair(
        keras_net(lambda x: layers.LSTM(4, name="rnn")(x), (5, 3)),
        SEQUENCES,
        {
            "two": lambda: Net(TwoMatrices(bias=False)),
            "two biases": lambda: Net(TwoMatrices(bias=True)),
            "eight": lambda: Net(EightMatrices()),
            "one": lambda: Net(SideBySide()),
        },
        {"gates against names": Wrong(lambda: Net(EightMatrices(True)), ("rnn/returned",))},
        ("rnn/returned",),
    ),
    "GRU that resets before": NetPair(
        keras_net(lambda x: layers.GRU(4, reset_after=False, name="rnn")(x), (5, 3)),
        SEQUENCES,
        {"of linear layers": lambda: Net(ResettingBefore())},
        {"resets after": Wrong(lambda: Net(ResettingBefore(after=True)), ("rnn/returned",))},
        ("rnn/returned",),
    ),
    "square": NetPair(
        keras_net(lambda x: layers.SimpleRNN(4, name="rnn")(x), (5, 4)),
        probe_input((2, 5, 4)),
        {"of linear layers": lambda: Net(SquareElman())},
        tapped=("rnn/returned",),
    ),
    "stacked cells": NetPair(
        keras_net(lambda x: layers.RNN([layers.LSTMCell(4) for _ in "ab"], name="rnn")(x), (5, 3)),
        SEQUENCES,
        {"nn.LSTM": lambda: Net(LastStep(nn.LSTM(3, 4, 2, batch_first=True)))},
    ),
}


class LastStep(nn.Module):
    def __init__(self, rnn: nn.LSTM) -> None:
        super().__init__()
        self.rnn = rnn

    def forward(self, x: Tensor) -> Tensor:
        return self.rnn(x)[0][:, -1]


@pytest.mark.parametrize("pair", PAIRS)
def test_a_loop_by_hand_is_its_layer(pair: str) -> None:
    assert misjudged(PAIRS[pair]) == []


def test_the_steps_of_a_cell_are_the_layers_sequence_and_can_be_pasted() -> None:
    pair = PAIRS["LSTM as cells"]
    original, port = KerasModel(pair.build, seed=0), Flat(nn.LSTMCell(3, 4))
    spec = port_spec("steps", original, port, SEQUENCES)
    assert matching_of(spec).taps["rnn"] == "cell#* (n l c -> n l c)"
    told = matching_of(spec).weights.items()
    table = {source: tuple(place.removesuffix(")").split(" (", 1)) for source, place in told}
    said = port_spec("said", original, port, SEQUENCES, weights=table, taps={"rnn": "cell#*"})  # type: ignore[arg-type]
    assert matching_of(said).taps == matching_of(spec).taps
    assert verify.compare_layers(said).passed
