"""Training steps of nets of every kind: right ports pass, and what only training shows is told."""

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

import keras
import numpy as np
import pytest
import torch
import torch.nn.functional as F
from keras import layers, ops, regularizers
from torch import Tensor, nn

import verify
from tests.verify.custom.originals.test_models import (
    OfFunctions,
    Siamese,
    Twice,
    of_functions,
    siamese,
    twice,
)
from tests.verify.custom.originals.test_structures import Heads, heads, inside
from verify.custom import KerasModel, port_spec, probe_input
from verify.reports.training_report import TrainingReport

ROWS, OTHERS = probe_input((3, 4)), probe_input((3, 4), seed=1)
TOKENS = np.array([[1, 5, 2, 0], [3, 3, 6, 1], [2, 4, 0, 5]], np.int32)
IMAGES = probe_input((2, 6, 5, 4))


@cache
def original(build: Callable[[], Any]) -> KerasModel:
    return KerasModel(build, seed=0)


def trained(build: Callable[[], Any], port: nn.Module, inputs: Any, **given: Any) -> TrainingReport:
    spec = port_spec("net", original(build), port, inputs, **given)
    report = verify.verify(spec, "training")
    assert all(tap.passed for tap in report.taps), "in inference they are alike"
    assert not report.about.skipped, report.about.skipped
    outcome = report.further["training"]
    assert isinstance(outcome, TrainingReport)
    return outcome


def failing(report: TrainingReport) -> list[str]:
    return [value.name for value in report.values if not value.passed]


def told(report: TrainingReport) -> str:
    return "\n".join(report.diagnosis.lines if report.diagnosis else [])


def of_tokens() -> keras.Model:
    tokens = layers.Input((4,), dtype="int32")
    x = layers.Embedding(7, 6, name="embed")(tokens)
    x = layers.LayerNormalization(name="norm")(x)
    return keras.Model(tokens, layers.Dense(2, name="last")(ops.mean(x, 1)))


class OfTokens(nn.Module):
    def __init__(self, detached: bool = False) -> None:
        super().__init__()
        self.embed, self.norm, self.last = (
            nn.Embedding(7, 6),
            nn.LayerNorm(6, 1e-3),
            nn.Linear(6, 2),
        )
        self.detached = detached

    def forward(self, x: Tensor) -> Tensor:
        x = self.embed(x)
        return self.last(self.norm(x.detach() if self.detached else x).mean(1))


class Frozen(OfFunctions):
    def __init__(self) -> None:
        super().__init__()
        self.frozen.requires_grad_(False)


def noisy() -> keras.Model:
    image = layers.Input((6, 5, 4))
    x = layers.GaussianNoise(0.3, name="noise")(image)
    x = layers.SpatialDropout2D(0.2, name="channels")(x)
    x = layers.Dense(8, activation="relu", name="first")(x)
    x = layers.Dropout(0.5, noise_shape=(None, 1, 1, 1), name="examples")(x)
    x = layers.AlphaDropout(0.1, name="alpha")(x)
    x = layers.Reshape((30, 8))(x)
    x = layers.MultiHeadAttention(2, 4, dropout=0.25, name="attend")(x, x)
    x = layers.Dropout(0.4, name="drop")(x)
    return keras.Model(image, layers.Dense(2, name="last")(layers.GaussianDropout(0.1)(x)))


class DropPath(nn.Module):
    def __init__(self, rate: float) -> None:
        super().__init__()
        self.drop_prob = rate

    def forward(self, x: Tensor) -> Tensor:
        if self.drop_prob == 0 or not self.training:
            return x
        keep = 1 - self.drop_prob
        return x * x.new_empty(x.shape[0], 1, 1, 1).bernoulli_(keep) / keep


class Noisy(nn.Module):
    rate, noise, channels = 0.4, True, True

    def __init__(self) -> None:
        super().__init__()
        self.channels_drop = nn.Dropout2d(0.2) if self.channels else nn.Dropout(0.2)
        self.first, self.path, self.alpha = nn.Linear(4, 8), DropPath(0.5), nn.AlphaDropout(0.1)
        self.attend = nn.MultiheadAttention(8, 2, dropout=0.25, batch_first=True)
        self.last = nn.Linear(8, 2)

    def forward(self, x: Tensor) -> Tensor:
        if self.training and self.noise:
            x = x + 0.3 * torch.randn_like(x)
        x = self.channels_drop(x).permute(0, 2, 3, 1)
        x = self.alpha(self.path(F.relu(self.first(x)))).flatten(1, 2)
        x = F.dropout(self.attend(x, x, x, need_weights=False)[0], self.rate, self.training)
        return self.last(x)


class OtherRate(Noisy):
    rate = 0.3


class NoNoise(Noisy):
    noise = False


class SingleNumbers(Noisy):
    channels = False


def of_cells() -> keras.Model:
    row = layers.Input((5, 4))
    x = layers.LSTM(3, dropout=0.2, recurrent_dropout=0.1, name="lstm")(row)
    return keras.Model(row, layers.Dense(2, name="last")(x))


class OfCells(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.lstm, self.last = nn.LSTM(4, 3, batch_first=True), nn.Linear(3, 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.last(self.lstm(x)[0][:, -1])


def penalised() -> keras.Model:
    row = layers.Input((4,))
    x = layers.Dense(5, kernel_regularizer=regularizers.L2(1e-2), name="first")(row)
    return keras.Model(row, layers.Dense(2, activity_regularizer="l1", name="last")(ops.tanh(x)))


class Penalised(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first, self.last = nn.Linear(4, 5), nn.Linear(5, 2)

    def forward(self, x: Tensor) -> Tensor:
        self.activity = self.last(self.first(x).tanh())
        return self.activity


def penalty(port: Any) -> Tensor:
    activity: Tensor = port.activity.abs().sum() / len(port.activity)
    return 1e-2 * port.first.weight.square().sum() + 1e-2 * activity


def without_activity(port: Any) -> Tensor:
    loss: Tensor = 1e-2 * port.first.weight.square().sum()
    return loss


def converted(variables: Mapping[str, np.ndarray]) -> Mapping[str, Tensor]:
    kernels = {key: variables[f"{key}/kernel"].T for key in ("first", "last")}
    biases = {key: variables[f"{key}/bias"] for key in ("first", "last")}
    named = {f"{key}.weight": value for key, value in kernels.items()}
    named |= {f"{key}.bias": value for key, value in biases.items()}
    return {key: torch.tensor(value) for key, value in named.items()}


class HalfFrozen(Penalised):
    def __init__(self) -> None:
        super().__init__()
        self.first.weight.requires_grad_(False)


PAIR = {"left": ROWS, "right": OTHERS}
PENALTY = {"penalty": penalty}
RIGHT: dict[str, tuple[Callable[[], Any], nn.Module, Any, dict[str, Any]]] = {
    "tokens": (of_tokens, OfTokens(), TOKENS, {}),
    "several inputs": (siamese, Siamese(), PAIR, {}),
    "several outputs": (heads(inside), Heads(inside), ROWS, {}),
    "one layer twice": (twice, Twice(), ROWS, {}),
    "a frozen layer": (of_functions, Frozen(), ROWS, {}),
    "dropout and noise of every kind": (noisy, Noisy(), IMAGES, {}),
    "dropout of cells": (of_cells, OfCells(), probe_input((3, 5, 4)), {}),
    "a penalty": (penalised, Penalised(), ROWS, PENALTY),
    "a function for the weights": (penalised, Penalised(), ROWS, PENALTY | {"weights": converted}),
}


@pytest.mark.parametrize("case", RIGHT)
def test_right_ports_train_alike(case: str) -> None:
    build, port, inputs, given = RIGHT[case]
    report = trained(build, port, inputs, **given)
    assert report.passed, failing(report)
    names = {value.name for value in report.values}
    gradients = {f"gradient/{name}" for name in original(build).trainable}
    assert gradients <= names
    assert not report.about.notes
    floats = [name for name in names if name.startswith("gradient/input")]
    assert len(floats) == {"tokens": 0, "several inputs": 2}.get(case, 1)


# What fails first, all that fails, and what is told of it.
WRONG: dict[str, tuple[Callable[[], Any], nn.Module, Any, dict[str, Any], list[str], str]] = {
    "a gradient that is cut": (
        of_tokens, OfTokens(True), TOKENS, {}, ["gradient/embed/embeddings"], "nothing that is",
    ),
    "what is frozen is trained": (
        of_functions, OfFunctions(), ROWS, {},
        [f"trainable/frozen/dense/{name}" for name in ("kernel", "bias")],
        "trained, though the original's layer is frozen (and at 1 more)",
    ),
    "what is trained is frozen": (
        penalised, HalfFrozen(), ROWS, PENALTY, ["gradient/first/kernel"], "requires_grad is off",
    ),
    "another rate": (noisy, OtherRate(), IMAGES, {}, ["dropout"], "0.3 of 480"),
    "numbers for channels": (noisy, SingleNumbers(), IMAGES, {}, ["dropout"], "0.2 of 240"),
    "no noise": (noisy, NoNoise(), IMAGES, {}, ["noise"], "noise: none"),
    "no penalty": (penalised, Penalised(), ROWS, {}, ["penalty"], "give penalty=lambda port: …"),
    "another penalty": (
        penalised, Penalised(), ROWS, {"penalty": without_activity},
        ["penalty", "loss", "gradient/last/bias", "gradient/last/kernel", "gradient/first/bias",
         "gradient/first/kernel", "gradient/input"],
        "instead of",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", WRONG)
def test_what_only_training_shows_fails_and_is_named(case: str) -> None:
    build, port, inputs, given, names, line = WRONG[case]
    report = trained(build, port, inputs, **given)
    assert failing(report) == names
    assert line in told(report)


def test_weights_that_a_function_has_folded_are_told_not_to_be_compared() -> None:
    """Here half of the bias is in another tensor."""

    class Split(Penalised):
        def __init__(self) -> None:
            super().__init__()
            self.more = nn.Parameter(torch.zeros(2))

        def forward(self, x: Tensor) -> Tensor:
            self.activity = self.last(self.first(x).tanh()) + self.more
            return self.activity

    def split(variables: Mapping[str, np.ndarray]) -> Mapping[str, Tensor]:
        state = dict(converted(variables))
        state["last.bias"] = state["last.bias"] / 2
        return state | {"more": state["last.bias"]}

    report = trained(penalised, Split(), ROWS, penalty=penalty, weights=split)
    assert report.passed, failing(report)
    assert report.about.notes == ["gradient not compared, no tensor is known: last/bias"]


def test_what_draws_in_a_way_of_its_own_is_not_compared() -> None:
    class Drawing(Penalised):
        def forward(self, x: Tensor) -> Tensor:
            x = super().forward(x)
            return x * torch.rand_like(x).round() * 2 if self.training else x

    spec = port_spec("net", original(penalised), Drawing(), ROWS, penalty=penalty)
    report = verify.verify(spec, "training")
    assert report.about.skipped is not None
    assert "the port draws random numbers" in report.about.skipped["training"]
