"""Position embeddings that a port computes once, where the original repeats them."""

from typing import Any

import keras
import numpy as np
import torch
from keras import layers, ops
from torch import Tensor, nn

from tests.verify.custom.matched import matching_of
from verify.custom import KerasModel, port_spec
from verify.diagnosis.verify import verify

TOKENS = np.array([[5, 3, 1, 0, 7], [2, 6, 4, 1, 0]], np.int32)


class Positions(layers.Layer):
    def build(self, shape: Any) -> None:
        self.table = self.add_weight(shape=(9, shape[-1]), name="table")

    def call(self, x: Any) -> Any:
        return ops.broadcast_to(self.table[: x.shape[1]], ops.shape(x))


def build() -> keras.Model:
    tokens = layers.Input((5,), dtype="int32")
    x = layers.Embedding(8, 6, name="tokens")(tokens)
    x = layers.LayerNormalization(epsilon=1e-6, name="norm")(x + Positions(name="positions")(x))
    return keras.Model(tokens, layers.Dense(3, name="classes")(x))


class Port(nn.Module):
    def __init__(self, shift: int = 0, eps: float = 1e-6) -> None:
        super().__init__()
        self.tokens, self.positions = nn.Embedding(8, 6), nn.Embedding(9, 6)
        self.norm, self.classes, self.shift = nn.LayerNorm(6, eps=eps), nn.Linear(6, 3), shift

    def forward(self, tokens: Tensor) -> Tensor:
        places = torch.arange(tokens.shape[1])[None] + self.shift
        return self.classes(self.norm(self.tokens(tokens) + self.positions(places)))


def test_they_pass_and_do_not_hide_what_is_wrong_behind_them() -> None:
    original = KerasModel(build, seed=0)
    right = verify(port_spec("right", original, Port(), TOKENS))
    assert right.passed, right.summary
    wrong = verify(port_spec("epsilon", original, Port(eps=1e-3), TOKENS))
    assert wrong.first_failure == "norm"
    told = matching_of(wrong).not_compared["positions"]
    assert told == "positions computes the same numbers, once for all samples"


def test_other_positions_fail_where_they_are() -> None:
    report = verify(port_spec("shifted", KerasModel(build, seed=0), Port(shift=1), TOKENS))
    assert report.first_failure == "positions"
