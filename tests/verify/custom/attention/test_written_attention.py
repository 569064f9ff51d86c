"""Attention that a port writes itself: right however it is written, and its mistakes by name."""

from collections.abc import Callable

import keras
import numpy as np
import pytest
import torch
from keras import layers
from torch import Tensor, nn
from torch.nn import functional as F

from tests.verify.custom.attention.net import Net
from tests.verify.custom.recurrent.net_pair import NetPair, Wrong, keras_net, misjudged
from verify.custom import probe_input

TOKENS = probe_input((2, 5, 12))
LAST = ("attention/attention_output",)


class Attention(nn.Module):
    """Three heads of four features; `kernel`: torch's function for all of it."""

    def __init__(
        self,
        *,
        causal: bool = False,
        scale: float = 0.5,
        axis: int = -1,
        kernel: bool = False,
        size: int = 4,
        wrong: str = "",
    ) -> None:
        super().__init__()
        self.causal, self.scale, self.axis, self.kernel = causal, scale, axis, kernel
        self.size, self.wrong = size, wrong

    def attend(self, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        """Of `[n, l, (h k)]`."""
        q, k, v = (self.split(x) for x in (query, key, value))
        times = q.shape[1] // k.shape[1]
        if self.wrong == "repeated":
            k, v = (x.repeat(1, times, 1, 1) for x in (k, v))
        else:
            k, v = (x.repeat_interleave(times, 1) for x in (k, v))
        if self.kernel:
            y = F.scaled_dot_product_attention(q, k, v, is_causal=self.causal, scale=self.scale)
        else:
            scores = q @ k.mT * self.scale
            if self.causal:
                ahead = torch.ones(scores.shape[-2:], dtype=torch.bool).triu(1)
                scores = scores.masked_fill(ahead, -torch.inf)
            shares = scores.softmax(self.axis)
            y = (shares.mT if self.wrong == "transposed" else shares) @ v
        if self.wrong == "merged":
            return y.reshape(len(y), y.shape[2], -1)
        return y.transpose(1, 2).flatten(2)

    def split(self, x: Tensor) -> Tensor:
        """Into `[n, h, l, k]`."""
        if self.wrong == "split":
            return x.unflatten(-1, (self.size, -1)).movedim(-1, 1)
        return x.unflatten(-1, (-1, self.size)).transpose(1, 2)


class Separate(Attention):
    def __init__(self, width: int = 12, **how: object) -> None:
        super().__init__(**how)  # type: ignore[arg-type]
        self.q_proj, self.out_proj = nn.Linear(12, 12), nn.Linear(12, 12)
        self.k_proj = nn.Linear(12, width)
        self.v_proj = nn.Linear(12, width)

    def forward(self, x: Tensor) -> Tensor:
        return self.out_proj(self.attend(self.q_proj(x), self.k_proj(x), self.v_proj(x)))


class Fused(Attention):
    """One matrix for all three; `by_head`: each head's three lie side by side."""

    def __init__(self, by_head: bool = False, **how: object) -> None:
        super().__init__(**how)  # type: ignore[arg-type]
        self.qkv, self.proj, self.by_head = nn.Linear(12, 36), nn.Linear(12, 12), by_head

    def forward(self, x: Tensor) -> Tensor:
        y = self.qkv(x)
        if self.by_head:
            y = y.unflatten(-1, (3, 3, 4)).transpose(-2, -3).flatten(-3)
        return self.proj(self.attend(*y.chunk(3, -1)))


class Packed(nn.Module):
    def __init__(self, heads: int = 3, causal: bool = False, batch_first: bool = True) -> None:
        super().__init__()
        self.inner = nn.MultiheadAttention(12, heads, batch_first=batch_first)
        self.causal = causal

    def forward(self, x: Tensor) -> Tensor:
        mask = torch.ones(5, 5, dtype=torch.bool).triu(1) if self.causal else None
        return self.inner(x, x, x, attn_mask=mask, need_weights=False)[0]


def attention(**how: object) -> Callable[[], keras.Model]:
    def layer(x: object) -> object:
        return layers.MultiHeadAttention(3, 4, name="attention")(x, x, **how)

    return keras_net(layer, (5, 12))


def rolled(state: dict[str, Tensor]) -> None:
    weights = state["attention.inner.in_proj_weight"]
    weights.copy_(weights.roll(12, 0))
    biases = state["attention.inner.in_proj_bias"]
    biases.copy_(biases.roll(12, 0))


def heads_last(state: dict[str, Tensor]) -> None:
    for name in ("in_proj_weight", "in_proj_bias"):
        for part in state[f"attention.inner.{name}"].chunk(3):
            part.copy_(part.unflatten(0, (3, 4)).transpose(0, 1).flatten(0, 1).clone())


PAIRS = {
    "of all": NetPair(
        attention(),
        TOKENS,
        {
            "separate": lambda: Net(Separate()),
            "torch's function": lambda: Net(Separate(kernel=True)),
            "fused": lambda: Net(Fused()),
            "fused by head": lambda: Net(Fused(by_head=True)),
        },
        {
            "no scale": Wrong(lambda: Net(Separate(scale=1.0)), LAST, "the scale 1/√4"),
            "no scale in torch's": Wrong(
                lambda: Net(Separate(scale=1.0, kernel=True)), LAST, "the scale 1/√4"
            ),
            "scale of all heads": Wrong(
                lambda: Net(Separate(scale=12**-0.5)), LAST, "1/√3 of what it should be"
            ),
            "softmax axis": Wrong(lambda: Net(Separate(axis=-2)), LAST, "another axis"),
            "heads of two": Wrong(lambda: Net(Separate(size=2)), LAST, "6 heads instead of 3"),
            "split": Wrong(lambda: Net(Separate(wrong="split")), LAST, "heads are split last"),
            "merged": Wrong(lambda: Net(Separate(wrong="merged")), LAST, "heads are merged before"),
            "transposed": Wrong(
                lambda: Net(Separate(wrong="transposed")), LAST, "attention is transposed"
            ),
            "no scale, fused": Wrong(
                lambda: Net(Fused(scale=1.0)), ("attention",), "the scale 1/√4"
            ),
            "heads": Wrong(lambda: Net(Packed(4)), ("attention",), "4 heads instead of 3"),
            "time first": Wrong(
                lambda: Net(Packed(batch_first=False)), ("attention",), "batch_first is False"
            ),
            "rolled": Wrong(
                lambda: Net(Packed()), ("attention",), "in the order value, query, key", rolled
            ),
            "heads last": Wrong(
                lambda: Net(Packed()), ("attention",), "has its heads last", heads_last
            ),
        },
        ("attention",),
    ),
    "causal": NetPair(
        attention(use_causal_mask=True),
        TOKENS,
        {
            "torch's module": lambda: Net(Packed(causal=True)),
            "torch's function": lambda: Net(Separate(causal=True, kernel=True)),
            "fused": lambda: Net(Fused(causal=True)),
        },
        {
            "none": Wrong(lambda: Net(Separate()), LAST, "the causal mask is missing"),
            "none in torch's": Wrong(
                lambda: Net(Separate(kernel=True)), LAST, "the causal mask is missing"
            ),
            "none, packed": Wrong(lambda: Net(Packed()), ("attention",), "causal mask is missing"),
        },
        ("attention",),
    ),
    "grouped": NetPair(
        keras_net(lambda x: layers.GroupQueryAttention(4, 3, 1, name="attention")(x, x), (5, 12)),
        TOKENS,
        {"separate": lambda: Net(Separate(width=4))},
        {"no scale": Wrong(lambda: Net(Separate(width=4, scale=1.0)), LAST, "the scale 1/√4")},
        ("attention",),
    ),
    "in groups": NetPair(
        keras_net(lambda x: layers.GroupQueryAttention(3, 4, 2, name="attention")(x, x), (5, 12)),
        TOKENS,
        {"separate": lambda: Net(Separate(6, size=3, scale=3**-0.5))},
        {
            "repeated": Wrong(
                lambda: Net(Separate(6, size=3, scale=3**-0.5, wrong="repeated")),
                LAST,
                "repeated in turn",
            )
        },
        ("attention",),
    ),
}


@pytest.mark.parametrize("pair", PAIRS)
def test_written_attention_is_judged_rightly_and_its_mistakes_are_named(pair: str) -> None:
    assert misjudged(PAIRS[pair]) == []


def test_an_output_tied_to_the_embedding_needs_nothing() -> None:
    class Tied(layers.Layer):
        def __init__(self, embedding: layers.Embedding) -> None:
            super().__init__(name="logits")
            self.embedding = embedding

        def call(self, x: object) -> object:
            return keras.ops.matmul(x, keras.ops.transpose(self.embedding.embeddings))

    def build() -> keras.Model:
        tokens, embedding = (
            layers.Input((5,), dtype="int32"),
            layers.Embedding(7, 12, name="tokens"),
        )
        x = layers.LayerNormalization(epsilon=1e-5, name="norm")(embedding(tokens))
        return keras.Model(tokens, Tied(embedding)(x))

    class Port(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.tokens, self.norm = nn.Embedding(7, 12), nn.LayerNorm(12)
            self.head = nn.Linear(12, 7, bias=False)
            self.head.weight = self.tokens.weight

        def forward(self, tokens: Tensor) -> Tensor:
            return self.head(self.norm(self.tokens(tokens)))

    tokens = np.array([[5, 3, 1, 0, 2], [2, 6, 4, 1, 0]], np.int32)
    assert misjudged(NetPair(build, tokens, {"tied": Port}, tapped=("tokens", "norm"))) == []
