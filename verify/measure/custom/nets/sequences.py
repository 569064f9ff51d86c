"""Nets for sequences: one-dimensional convolutions, recurrent layers, tokens."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from verify.measure.custom.net import Net


def text_cnn(keras: Any) -> Any:
    layers = keras.layers
    x = tokens = layers.Input((9,), dtype="int32")
    x = layers.Embedding(23, 6, name="embed")(x)
    two = layers.Conv1D(4, 2, activation="relu", name="conv2")(x)
    three = layers.Conv1D(4, 3, activation="relu", name="conv3")(x)
    two = layers.GlobalMaxPooling1D(name="max2")(two)
    three = layers.GlobalMaxPooling1D(name="max3")(three)
    x = layers.Concatenate(name="concat")([two, three])
    return keras.Model(tokens, layers.Dense(5, name="classes")(x))


class TextCnn(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Embedding(23, 6)
        self.conv2 = nn.Conv1d(6, 4, 2)
        self.conv3 = nn.Conv1d(6, 4, 3)
        self.classes = nn.Linear(8, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = self.embed(x).transpose(1, 2)
        two = F.relu(self.conv2(x)).amax(-1)
        three = F.relu(self.conv3(x)).amax(-1)
        return self.classes(torch.cat([two, three], 1))


def wavenet(keras: Any) -> Any:
    layers = keras.layers
    x = signal = layers.Input((11, 3))
    x = layers.Conv1D(5, 2, padding="causal", name="stem")(x)
    skips = []
    for index, dilation in enumerate((1, 2), 1):
        wave = layers.Conv1D(5, 2, padding="causal", dilation_rate=dilation, activation="tanh",
                             name=f"filter{index}")(x)  # fmt: skip
        gate = layers.Conv1D(5, 2, padding="causal", dilation_rate=dilation,
                             activation="sigmoid", name=f"gate{index}")(x)  # fmt: skip
        y = layers.Multiply(name=f"gated{index}")([wave, gate])
        skips.append(layers.Conv1D(4, 1, name=f"skip{index}")(y))
        x = layers.Add(name=f"residual{index}")([x, layers.Conv1D(5, 1, name=f"out{index}")(y)])
    y = layers.Add(name="skips")(skips)
    y = layers.Activation("relu", name="relu")(y)
    x = layers.Concatenate(name="both")([y, x])
    return keras.Model(signal, layers.Conv1D(3, 1, name="logits")(x))


class WaveBlock(nn.Module):
    def __init__(self, dilation: int) -> None:
        super().__init__()
        self.dilation = dilation
        self.filter = nn.Conv1d(5, 5, 2, dilation=dilation)
        self.gate = nn.Conv1d(5, 5, 2, dilation=dilation)
        self.skip = nn.Conv1d(5, 4, 1)
        self.out = nn.Conv1d(5, 5, 1)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        padded = F.pad(x, (self.dilation, 0))
        y = torch.tanh(self.filter(padded)) * torch.sigmoid(self.gate(padded))
        return x + self.out(y), self.skip(y)


class WaveNet(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv1d(3, 5, 2)
        self.block1 = WaveBlock(1)
        self.block2 = WaveBlock(2)
        self.logits = nn.Conv1d(9, 3, 1)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(F.pad(x.transpose(1, 2), (1, 0)))
        x, first = self.block1(x)
        x, second = self.block2(x)
        x = torch.cat([F.relu(first + second), x], 1)
        return self.logits(x).transpose(1, 2)


def signal(keras: Any) -> Any:
    layers = keras.layers
    x = inputs = layers.Input((16, 3))
    x = layers.Conv1D(5, 5, 2, padding="valid", use_bias=False, name="conv1")(x)
    x = layers.BatchNormalization(name="bn1")(x)
    x = layers.Activation("relu", name="relu1")(x)
    x = layers.MaxPooling1D(2, name="max")(x)
    x = layers.Conv1D(6, 3, padding="same", activation="selu", name="conv2")(x)
    x = layers.Conv1DTranspose(4, 2, 2, name="up")(x)
    x = layers.AveragePooling1D(3, 1, name="average")(x)
    x = layers.Flatten(name="flatten")(x)
    return keras.Model(inputs, layers.Dense(5, activation="softplus", name="classes")(x))


class Signal(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv1d(3, 5, 5, 2, bias=False)
        self.bn1 = nn.BatchNorm1d(5, eps=1e-3)
        self.conv2 = nn.Conv1d(5, 6, 3, padding=1)
        self.up = nn.ConvTranspose1d(6, 4, 2, 2)
        self.classes = nn.Linear(16, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.bn1(self.conv1(x.transpose(1, 2))))
        x = F.max_pool1d(x, 2)
        x = self.up(F.selu(self.conv2(x)))
        x = F.avg_pool1d(x, 3, 1)
        x = x.transpose(1, 2).flatten(1)
        return F.softplus(self.classes(x))


def lstm(keras: Any) -> Any:
    layers = keras.layers
    x = tokens = layers.Input((7,), dtype="int32")
    x = layers.Embedding(19, 5, name="embed")(x)
    x = layers.LSTM(6, name="lstm")(x)
    x = layers.Dense(9, activation="relu", name="hidden")(x)
    return keras.Model(tokens, layers.Dense(3, name="classes")(x))


class Lstm(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Embedding(19, 5)
        self.lstm = nn.LSTM(5, 6, batch_first=True)
        self.hidden = nn.Linear(6, 9)
        self.classes = nn.Linear(9, 3)

    def forward(self, x: Tensor) -> Tensor:
        sequence, _ = self.lstm(self.embed(x))
        return self.classes(F.relu(self.hidden(sequence[:, -1])))


def stacked_gru(keras: Any) -> Any:
    layers = keras.layers
    x = inputs = layers.Input((6, 4))
    x = layers.GRU(5, return_sequences=True, name="gru1")(x)
    x = layers.GRU(5, return_sequences=True, name="gru2")(x)
    x = layers.LayerNormalization(epsilon=1e-5, name="norm")(x)
    x = layers.GlobalAveragePooling1D(name="mean")(x)
    return keras.Model(inputs, layers.Dense(3, name="classes")(x))


class StackedGru(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.gru1 = nn.GRU(4, 5, batch_first=True)
        self.gru2 = nn.GRU(5, 5, batch_first=True)
        self.norm = nn.LayerNorm(5)
        self.classes = nn.Linear(5, 3)

    def forward(self, x: Tensor) -> Tensor:
        x, _ = self.gru1(x)
        x, _ = self.gru2(x)
        return self.classes(self.norm(x).mean(1))


class GruStack(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.gru = nn.GRU(4, 5, num_layers=2)
        self.norm = nn.LayerNorm(5)
        self.classes = nn.Linear(5, 3)

    def forward(self, x: Tensor) -> Tensor:
        x, _ = self.gru(x.transpose(0, 1))
        return self.classes(self.norm(x).mean(0))


def two_directions(keras: Any) -> Any:
    layers = keras.layers
    x = inputs = layers.Input((6, 4))
    x = layers.TimeDistributed(layers.Dense(5, activation="relu"), name="embed")(x)
    x = layers.Bidirectional(layers.LSTM(4, return_sequences=True), name="both")(x)
    x = layers.SimpleRNN(5, return_sequences=True, name="simple")(x)
    return keras.Model(inputs, layers.Dense(3, activation="softmax", name="tags")(x))


class TwoDirections(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Linear(4, 5)
        self.both = nn.LSTM(5, 4, batch_first=True, bidirectional=True)
        self.simple = nn.RNN(8, 5, batch_first=True)
        self.tags = nn.Linear(5, 3)

    def forward(self, x: Tensor) -> Tensor:
        x, _ = self.both(F.relu(self.embed(x)))
        x, _ = self.simple(x)
        return F.softmax(self.tags(x), dim=-1)


def recurrent_images(keras: Any) -> Any:
    layers = keras.layers
    x = image = layers.Input((6, 8, 3))
    x = layers.Conv2D(4, 3, padding="same", activation="relu", name="conv")(x)
    x = layers.MaxPooling2D((2, 1), name="pool")(x)
    x = layers.Permute((2, 1, 3), name="columns")(x)
    x = layers.Reshape((8, 12), name="reshape")(x)
    x = layers.GRU(5, go_backwards=True, name="gru")(x)
    return keras.Model(image, layers.Dense(4, name="classes")(x))


class RecurrentImages(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3, padding=1)
        self.gru = nn.GRU(12, 5, batch_first=True)
        self.classes = nn.Linear(5, 4)

    def forward(self, x: Tensor) -> Tensor:
        x = F.max_pool2d(F.relu(self.conv(x)), (2, 1))
        x = x.permute(0, 3, 2, 1).flatten(2)
        x, _ = self.gru(x.flip(1))
        return self.classes(x[:, -1])


NETS = (
    Net("text CNN", text_cnn, (TextCnn,), (9,), tokens=23),
    Net("WaveNet", wavenet, (WaveBlock, WaveNet), (11, 3)),
    Net("signal", signal, (Signal,), (16, 3)),
    Net("LSTM", lstm, (Lstm,), (7,), tokens=19),
    Net("stacked GRU", stacked_gru, (StackedGru,), (6, 4), others={"stacked": (GruStack,)}),
    Net("two directions", two_directions, (TwoDirections,), (6, 4)),
    Net("recurrent images", recurrent_images, (RecurrentImages,), (6, 8, 3)),
)
