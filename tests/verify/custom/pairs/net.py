"""The small net that a pair stands in: a dense layer, the layer, a dense layer."""

from functools import partial

import keras
from keras import layers
from torch import Tensor, nn

from tests.verify.custom.pairs.pair import Make, Pair
from verify.custom import KerasModel, port_spec
from verify.diagnosis.plan import PortPlan


def original_of(pair: Pair) -> KerasModel:
    """The net in Keras, with seeded weights."""
    return KerasModel(partial(_build, pair), seed=0)


def _build(pair: Pair) -> keras.Model:
    x = image = layers.Input(pair.shape, dtype="int32" if pair.tokens else None)
    if not pair.tokens:
        x = layers.Dense(pair.shape[-1], name="first")(x)
    return keras.Model(image, layers.Dense(2, name="classes")(pair.original(x)))


class Net(nn.Module):
    """The net in torch."""

    def __init__(self, layer: nn.Module, channels: int, width: int, channels_last: bool) -> None:
        super().__init__()
        self.first = nn.Linear(channels, channels) if channels else None
        self.layer, self.classes = layer, nn.Linear(width, 2)
        self.channels_last = channels_last

    def forward(self, x: Tensor) -> Tensor:
        if self.first is not None:
            x = self.first(x) if self.channels_last else self.first(x.movedim(1, -1)).movedim(-1, 1)
        y = self.layer(x)
        return self.classes(y if self.channels_last else y.movedim(1, -1))


def spec_of(pair: Pair, original: KerasModel, make: Make) -> PortPlan:
    """The comparison of a module with the layer, each in its net."""
    channels = 0 if pair.tokens else pair.shape[-1]
    width = original.variables["classes/kernel"].shape[0]
    net, inputs = Net(make(), channels, width, pair.channels_last), pair.inputs()
    axes = " ".join("abcd"[: inputs.ndim - 2])
    layout = f"n {axes} k -> n {axes} k" if pair.channels_last else f"n {axes} k -> n k {axes}"
    given = {} if pair.tokens else {"input_layouts": {"input": layout}}
    return port_spec(pair.classes, original, net, inputs, **{**given, **pair.given})
