"""Nets of dense layers, with gates, layers that are used twice, and what goes before a net."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from verify.measure.custom.net import Net


def perceptron(keras: Any) -> Any:
    layers = keras.layers
    x = inputs = layers.Input((7,))
    mean, variance = ([a + 0.1 * k for k in range(7)] for a in (0.0, 0.5))
    x = layers.Normalization(mean=mean, variance=variance, name="normalization")(x)
    x = layers.Dense(8, name="dense1")(x)
    x = layers.BatchNormalization(name="bn1")(x)
    x = layers.Activation("relu", name="relu1")(x)
    x = layers.Dropout(0.5, name="dropout1")(x)
    x = layers.Dense(8, name="dense2")(x)
    x = layers.BatchNormalization(name="bn2")(x)
    x = layers.Activation("tanh", name="tanh2")(x)
    return keras.Model(inputs, layers.Dense(4, activation="softmax", name="classes")(x))


class Perceptron(nn.Module):
    offset: Tensor
    spread: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("offset", 0.1 * torch.arange(7, dtype=torch.float64))
        self.register_buffer("spread", 0.5 + 0.1 * torch.arange(7, dtype=torch.float64))
        self.dense1 = nn.Linear(7, 8)
        self.bn1 = nn.BatchNorm1d(8, eps=1e-3)
        self.dropout1 = nn.Dropout(0.5)
        self.dense2 = nn.Linear(8, 8)
        self.bn2 = nn.BatchNorm1d(8, eps=1e-3)
        self.classes = nn.Linear(8, 4)

    def forward(self, x: Tensor) -> Tensor:
        x = (x - self.offset) / self.spread.sqrt()
        x = self.dropout1(F.relu(self.bn1(self.dense1(x))))
        x = torch.tanh(self.bn2(self.dense2(x)))
        return F.softmax(self.classes(x), dim=1)


def highway(keras: Any) -> Any:
    layers = keras.layers
    x = inputs = layers.Input((6,))
    for index in (1, 2):
        gate = layers.Dense(6, activation="sigmoid", name=f"gate{index}")(x)
        y = layers.Dense(6, activation="relu", name=f"transform{index}")(x)
        y = layers.Multiply(name=f"taken{index}")([gate, y])
        kept = layers.Multiply(name=f"kept{index}")([1.0 - gate, x])
        x = layers.Add(name=f"sum{index}")([y, kept])
    return keras.Model(inputs, layers.Dense(3, name="classes")(x))


class HighwayLayer(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.gate = nn.Linear(6, 6)
        self.transform = nn.Linear(6, 6)

    def forward(self, x: Tensor) -> Tensor:
        gate = torch.sigmoid(self.gate(x))
        return gate * F.relu(self.transform(x)) + (1 - gate) * x


class Highway(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer1 = HighwayLayer()
        self.layer2 = HighwayLayer()
        self.classes = nn.Linear(6, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.classes(self.layer2(self.layer1(x)))


def siamese(keras: Any) -> Any:
    layers = keras.layers
    pair = layers.Input((2, 9))
    tower = [
        layers.Dense(6, activation="relu", name="tower1"),
        layers.Dense(5, activation="tanh", name="tower2"),
    ]
    left, right = pair[:, 0], pair[:, 1]
    for layer in tower:
        left = layer(left)
    for layer in tower:
        right = layer(right)
    distance = layers.Subtract(name="difference")([left, right])
    both = layers.Concatenate(name="both")([distance * distance, left * right])
    return keras.Model(pair, layers.Dense(1, activation="sigmoid", name="same")(both))


class Siamese(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.tower1 = nn.Linear(9, 6)
        self.tower2 = nn.Linear(6, 5)
        self.same = nn.Linear(10, 1)

    def tower(self, x: Tensor) -> Tensor:
        return torch.tanh(self.tower2(F.relu(self.tower1(x))))

    def forward(self, pair: Tensor) -> Tensor:
        left, right = self.tower(pair[:, 0]), self.tower(pair[:, 1])
        distance = left - right
        both = torch.cat([distance * distance, left * right], -1)
        return torch.sigmoid(self.same(both))


def bag(keras: Any) -> Any:
    layers = keras.layers
    x = tokens = layers.Input((8,), dtype="int32")
    words = layers.Embedding(21, 6, name="words")(x)
    counts = layers.Embedding(21, 6, name="counts")(x)
    x = layers.Multiply(name="weighted")([words, counts])
    x = layers.GlobalAveragePooling1D(name="mean")(x)
    x = layers.LayerNormalization(epsilon=1e-3, name="norm")(x)
    x = layers.Dense(6, activation="gelu", name="hidden")(x)
    return keras.Model(tokens, layers.Dense(4, name="classes")(x))


class Bag(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.words = nn.Embedding(21, 6)
        self.counts = nn.Embedding(21, 6)
        self.norm = nn.LayerNorm(6, eps=1e-3)
        self.hidden = nn.Linear(6, 6)
        self.classes = nn.Linear(6, 4)

    def forward(self, x: Tensor) -> Tensor:
        x = (self.words(x) * self.counts(x)).mean(1)
        return self.classes(F.gelu(self.hidden(self.norm(x))))


def film(keras: Any) -> Any:
    layers = keras.layers
    x = image = layers.Input((7, 6, 3))
    x = layers.Conv2D(5, 3, padding="same", activation="mish", name="conv")(x)
    code = layers.GlobalAveragePooling2D(name="mean")(x)
    scale = layers.Dense(5, name="to_scale")(code)
    shift = layers.Dense(5, name="to_shift")(code)
    scale = layers.Reshape((1, 1, 5), name="scale")(scale)
    shift = layers.Reshape((1, 1, 5), name="shift")(shift)
    x = layers.Add(name="shifted")([layers.Multiply(name="scaled")([x, scale]), shift])
    x = layers.LayerNormalization(axis=[1, 2, 3], epsilon=1e-5, name="norm")(x)
    x = layers.Conv2D(4, 3, activation="exponential", name="last")(x)
    return keras.Model(image, layers.GlobalMaxPooling2D(name="max")(x))


class Film(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 5, 3, padding=1)
        self.to_scale = nn.Linear(5, 5)
        self.to_shift = nn.Linear(5, 5)
        self.norm = nn.LayerNorm((7, 6, 5))
        self.last = nn.Conv2d(5, 4, 3)

    def forward(self, x: Tensor) -> Tensor:
        x = F.mish(self.conv(x))
        code = x.mean((2, 3))
        scale, shift = self.to_scale(code), self.to_shift(code)
        x = x * scale[:, :, None, None] + shift[:, :, None, None]
        x = self.norm(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)
        return torch.exp(self.last(x)).amax((2, 3))


NETS = (
    Net("perceptron", perceptron, (Perceptron,), (7,), given={"port_only": ["*offset", "*spread"]}),
    Net("highway", highway, (HighwayLayer, Highway), (6,)),
    Net("siamese", siamese, (Siamese,), (2, 9)),
    Net("bag", bag, (Bag,), (8,), tokens=21),
    Net("FiLM", film, (Film,), (7, 6, 3)),
)
