"""Layers applied to every step of time; ports fold time into the batch, or loop over it."""

import keras
import pytest
import torch
from keras import layers
from torch import Tensor, nn

from port.errors import InputError
from tests.verify.custom.recurrent.net_pair import NetPair, Wrong, keras_net, misjudged
from verify.custom import KerasModel, port_spec, probe_input

VIDEO = probe_input((2, 4, 6, 7, 3))
SEQUENCES = probe_input((2, 5, 3))
LAYOUT = {"input_layouts": {"input": "n t h w c -> n t c h w"}}


def convolution(x: object) -> object:
    conv = layers.Conv2D(4, 3, padding="same", name="conv")
    x = layers.TimeDistributed(conv, name="frames")(x)
    x = layers.TimeDistributed(layers.GlobalAveragePooling2D(), name="mean")(x)
    return layers.LSTM(4, name="rnn")(x)


def model(x: object) -> object:
    image = layers.Input((6, 7, 3))
    y = layers.ReLU(name="act")(layers.Conv2D(4, 3, padding="same", name="conv")(image))
    y = layers.GlobalAveragePooling2D(name="mean")(y)
    x = layers.TimeDistributed(keras.Model(image, y, name="cnn"), name="frames")(x)
    return layers.LSTM(4, name="rnn")(x)


class Frames(nn.Module):
    def __init__(self, act: nn.Module, how: str = "folded", backwards: bool = False) -> None:
        super().__init__()
        self.conv, self.act = nn.Conv2d(3, 4, 3, padding=1), act
        self.rnn, self.classes = nn.LSTM(4, 4, batch_first=True), nn.Linear(4, 2)
        self.how, self.backwards = how, backwards

    def forward(self, x: Tensor) -> Tensor:
        if self.how == "folded":
            y = self.act(self.conv(x.flatten(0, 1))).mean((2, 3)).unflatten(0, x.shape[:2])
        else:
            y = torch.stack([self.act(self.conv(each)).mean((2, 3)) for each in x.unbind(1)], 1)
        return self.classes(self.rnn(y.flip(1) if self.backwards else y)[0][:, -1])


class Dense(nn.Module):
    def __init__(self, folded: bool) -> None:
        super().__init__()
        self.dense, self.act, self.classes = nn.Linear(3, 6), nn.ReLU(), nn.Linear(6, 2)
        self.folded = folded

    def forward(self, x: Tensor) -> Tensor:
        y = self.act(self.dense(x.flatten(0, 1) if self.folded else x))
        y = self.classes(y)
        return y.unflatten(0, x.shape[:2]) if self.folded else y


PAIRS = {
    "convolution": NetPair(
        keras_net(convolution, (4, 6, 7, 3)),
        VIDEO,
        {how: lambda how=how: Frames(nn.Identity(), how) for how in ("folded", "a loop")},  # type: ignore[misc]
        {
            f"direction, {how}": Wrong(
                lambda how=how: Frames(nn.Identity(), how, True),  # type: ignore[misc]
                ("rnn",),
                "reads time in the wrong direction",
            )
            for how in ("folded", "a loop")
        },
        ("frames", "rnn"),
        given=LAYOUT,
    ),
    "model": NetPair(
        keras_net(model, (4, 6, 7, 3)),
        VIDEO,
        {"folded": lambda: Frames(nn.ReLU())},
        {"activation": Wrong(lambda: Frames(nn.SiLU()), ("frames/cnn/act",), "SiLU")},
        ("frames/cnn/conv", "frames/cnn/act", "rnn"),
        given=LAYOUT,
    ),
    "dense": NetPair(
        keras_net(
            lambda x: layers.TimeDistributed(layers.Dense(6, activation="relu"), name="dense")(x),
            (5, 3),
        ),
        SEQUENCES,
        {"as it is": lambda: Dense(False), "folded": lambda: Dense(True)},
        tapped=("dense/linear", "dense", "classes"),
    ),
}


@pytest.mark.parametrize("pair", PAIRS)
def test_every_step_is_one_layer(pair: str) -> None:
    assert misjudged(PAIRS[pair]) == []


class Last(nn.Module):
    def __init__(self, bias: bool) -> None:
        super().__init__()
        self.rnn = nn.LSTM(3, 4, batch_first=True, bias=bias)
        self.classes = nn.Linear(4, 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.classes(self.rnn(x)[0][:, -1])


@pytest.mark.parametrize(
    ("bias", "told"),
    [
        (True, r"the port's rnn.bias_ih_l0 16, rnn.bias_hh_l0 16.*port_only=\['rnn.bias_ih_l0'"),
        (False, r"the original's rnn/lstm_cell/bias 16.*without=\['rnn/lstm_cell/bias'\]"),
    ],
)
def test_a_bias_of_one_side_is_refused_with_its_shape_and_the_line_to_write(
    bias: bool, told: str
) -> None:
    build = keras_net(lambda x: layers.LSTM(4, use_bias=not bias, name="rnn")(x), (5, 3))
    with pytest.raises(InputError, match=told):
        port_spec("bias", KerasModel(build, seed=0), Last(bias), SEQUENCES)
