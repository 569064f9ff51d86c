"""Recurrent layers whose states go on, and those that skip masked steps."""

from collections.abc import Callable

import keras
import numpy as np
import pytest
import torch
from keras import layers, ops
from torch import Tensor, nn

import verify
from tests.verify.custom.matched import matching_of
from tests.verify.custom.recurrent.net_pair import NetPair, Wrong, keras_net, misjudged
from verify.custom import KerasModel, port_spec, probe_input

SEQUENCES = probe_input((2, 5, 3))
PADDED = SEQUENCES.copy()
PADDED[0, 3:] = 0
PADDED[1, 4:] = 0
TOKENS = np.array([[5, 3, 1, 0, 0], [2, 6, 4, 1, 0]], np.int32)


def encoder_decoder(kind: type[layers.Layer]) -> Callable[[], keras.Model]:
    def build() -> keras.Model:
        first, second = layers.Input((5, 3), name="first"), layers.Input((4, 3), name="second")
        _, *states = kind(4, return_state=True, name="encoder")(first)
        decoder = kind(4, return_sequences=True, name="decoder")
        y = decoder(second, initial_state=states)
        return keras.Model([first, second], layers.Dense(2, name="classes")(y))

    return build


class EncoderDecoder(nn.Module):
    def __init__(
        self, kind: type[nn.RNNBase], handed: Callable[[object], object] = lambda state: state
    ) -> None:
        super().__init__()
        self.encoder, self.decoder = (kind(3, 4, batch_first=True) for _ in range(2))  # type: ignore[call-arg]
        self.classes, self.handed = nn.Linear(4, 2), handed

    def forward(self, first: Tensor, second: Tensor) -> Tensor:
        _, state = self.encoder(first)
        return self.classes(self.decoder(second, self.handed(state))[0])


def both_states(x: object) -> object:
    _, h, c = layers.LSTM(4, return_state=True, return_sequences=True, name="rnn")(x)
    return layers.Concatenate(name="states")([h, c])


class BothStates(nn.Module):
    def __init__(self, swapped: bool = False) -> None:
        super().__init__()
        self.rnn, self.classes = nn.LSTM(3, 4, batch_first=True), nn.Linear(8, 2)
        self.swapped = swapped

    def forward(self, x: Tensor) -> Tensor:
        _, (h, c) = self.rnn(x)
        return self.classes(torch.cat([c[0], h[0]] if self.swapped else [h[0], c[0]], -1))


def states_of_either_direction(x: object) -> object:
    rnn = layers.Bidirectional(layers.LSTM(4, return_state=True), name="rnn")
    _, forward_h, _, _, backward_c = rnn(x)
    return layers.Concatenate(name="states")([forward_h, backward_c])


class StatesOfEitherDirection(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.rnn = nn.LSTM(3, 4, batch_first=True, bidirectional=True)
        self.classes = nn.Linear(8, 2)

    def forward(self, x: Tensor) -> Tensor:
        _, (h, c) = self.rnn(x)
        return self.classes(torch.cat([h[0], c[1]], -1))


class Masked(nn.Module):
    """Takes each sequence's last step; that of all steps, if the mask is `ignored`."""

    def __init__(
        self, kind: type[nn.RNNBase], tokens: bool, ignored: bool = False, packed: bool = False
    ) -> None:
        super().__init__()
        self.embedding = nn.Embedding(8, 3) if tokens else None
        self.rnn, self.classes = kind(3, 4, batch_first=True), nn.Linear(4, 2)  # type: ignore[call-arg]
        self.ignored, self.packed = ignored, packed

    def forward(self, x: Tensor) -> Tensor:
        here = x != 0 if self.embedding is not None else (x != 0).any(-1)
        x = x if self.embedding is None else self.embedding(x)
        lengths = here.sum(1)
        if self.packed:
            x = nn.utils.rnn.pack_padded_sequence(x, lengths, True, enforce_sorted=False)
            h = self.rnn(x)[1]
            return self.classes((h[0] if isinstance(h, tuple) else h)[0])
        y = self.rnn(x)[0]
        return self.classes(y[:, -1] if self.ignored else y[torch.arange(len(y)), lengths - 1])


LAYERS = {"lstm": layers.LSTM, "gru": layers.GRU, "simple": layers.SimpleRNN}
MODULES = {"lstm": nn.LSTM, "gru": nn.GRU, "simple": nn.RNN}


def masked(kind: str, how: str) -> NetPair:
    def layer(x: object) -> object:
        rnn = LAYERS[kind](4, name="rnn")
        match how:
            case "tokens":
                return rnn(layers.Embedding(8, 3, mask_zero=True, name="embedding")(x))
            case "layer":
                return rnn(layers.Masking(name="masking")(x))
        any_is = layers.Lambda(lambda x: ops.any(ops.not_equal(x, 0), -1), name="mask")
        return rnn(x, mask=any_is(x))

    tokens, module = how == "tokens", MODULES[kind]
    return NetPair(
        keras_net(layer, (5,) if tokens else (5, 3), tokens),
        TOKENS if tokens else PADDED,
        {
            "by length": lambda: Masked(module, tokens),
            "packed": lambda: Masked(module, tokens, packed=True),
        },
        {
            "ignored": Wrong(
                lambda: Masked(module, tokens, ignored=True), ("rnn",), "a mask is ignored"
            )
        },
        trains=not tokens,
    )


PAIRS = {
    "encoder and decoder, LSTM": NetPair(
        encoder_decoder(layers.LSTM),
        {"first": SEQUENCES, "second": probe_input((2, 4, 3), seed=1)},
        {"nn.LSTM": lambda: EncoderDecoder(nn.LSTM)},
        {
            "no state": Wrong(lambda: EncoderDecoder(nn.LSTM, lambda s: None), ("decoder",)),
            "h and c": Wrong(lambda: EncoderDecoder(nn.LSTM, lambda s: s[::-1]), ("decoder",)),  # type: ignore[index]
        },
        ("encoder", "decoder"),
        trains=False,
    ),
    "encoder and decoder, GRU": NetPair(
        encoder_decoder(layers.GRU),
        {"first": SEQUENCES, "second": probe_input((2, 4, 3), seed=1)},
        {"nn.GRU": lambda: EncoderDecoder(nn.GRU)},
        {"no state": Wrong(lambda: EncoderDecoder(nn.GRU, lambda s: None), ("decoder",))},
        ("encoder", "decoder"),
        trains=False,
    ),
    "both states": NetPair(
        keras_net(both_states, (5, 3)),
        SEQUENCES,
        {"nn.LSTM": BothStates},
        {"in the other order": Wrong(lambda: BothStates(True), ("states",))},
        ("rnn",),
    ),
    "states of either direction": NetPair(
        keras_net(states_of_either_direction, (5, 3)),
        SEQUENCES,
        {"nn.LSTM": StatesOfEitherDirection},
        tapped=("rnn",),
    ),
    **{
        f"{kind}, masked by {how}": masked(kind, how)
        for kind in LAYERS
        for how in ("tokens", "layer", "call")
    },
}


@pytest.mark.parametrize("pair", PAIRS)
def test_states_and_masks_are_judged_rightly(pair: str) -> None:
    assert misjudged(PAIRS[pair]) == []


def test_a_stateful_layer_begins_anew_in_every_run_and_that_is_said() -> None:
    def build() -> keras.Model:
        inputs = layers.Input(batch_shape=(2, 5, 3))
        x = layers.LSTM(4, stateful=True, return_sequences=True, name="rnn")(inputs)
        return keras.Model(inputs, x)

    class Port(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.rnn = nn.LSTM(3, 4, batch_first=True)

        def forward(self, x: Tensor) -> Tensor:
            return self.rnn(x)[0]

    spec = port_spec("stateful", KerasModel(build, seed=0), Port(), SEQUENCES)
    report = verify.verify(spec, "training")
    assert report.passed and all(outcome.passed for outcome in report.further.values())
    assert list(matching_of(spec).taps) == ["rnn", "output"]
    assert spec.about.notes is not None and "rnn: begins each run with zeros" in spec.about.notes[0]
