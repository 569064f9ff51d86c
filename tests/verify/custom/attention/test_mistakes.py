"""Mistakes of and around attention: each fails, and is the first cause that is named."""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest
import torch
from keras import layers, ops
from torch import Tensor, nn

from tests.verify.custom.attention.net import Net
from tests.verify.custom.recurrent.net_pair import NetPair, Wrong, keras_net, misjudged
from verify.custom import probe_input

FEATURES = probe_input((2, 5, 12))
TOKENS = np.array([[5, 3, 1, 0, 0], [2, 6, 4, 1, 0]], np.int32)
LAST = ("attention/attention_output",)


class Attention(nn.Module):
    """Three heads of four features, by linear layers; `wrong`: what it gets wrong."""

    def __init__(self, wrong: str = "", causal: bool = False, size: int = 4) -> None:
        super().__init__()
        self.q_proj, self.k_proj, self.v_proj, self.out_proj = (nn.Linear(12, 12) for _ in "qkvo")
        self.wrong, self.causal, self.size = wrong, causal, size

    def forward(self, x: Tensor, y: Tensor | None = None, here: Tensor | None = None) -> Tensor:
        y = x if y is None else y
        pairs = ((self.q_proj, x), (self.k_proj, y), (self.v_proj, y))
        q, k, v = (f(z).unflatten(-1, (-1, self.size)).transpose(1, 2) for f, z in pairs)
        if self.wrong == "key and value":
            k, v = v, k
        if self.wrong == "query and key":
            q, k = k, q
        scores = q @ k.mT / 2
        ones = torch.ones(scores.shape[-2:], dtype=torch.bool)
        if self.causal:
            hidden = {"strict": ones.triu(0), "ahead": ones.tril(-1)}.get(self.wrong, ones.triu(1))
            scores = scores.masked_fill(hidden, -1e30)
        if here is not None:
            here = here[:, None, None]
            if self.wrong == "weak":
                scores = scores - (~here).to(scores.dtype)
            else:
                scores = scores.masked_fill(here if self.wrong == "inverted" else ~here, -torch.inf)
        shares = {"no softmax": lambda s: s, "sigmoid": torch.sigmoid}.get(
            self.wrong, lambda s: s.softmax(-1)
        )(scores)
        return self.out_proj((shares @ v).transpose(1, 2).flatten(2))


class Fused(nn.Module):
    """One matrix for all three, taken in an `order`."""

    def __init__(self, heads: int = 3, order: tuple[int, ...] = (0, 1, 2)) -> None:
        super().__init__()
        self.qkv, self.proj = nn.Linear(12, 36), nn.Linear(12, 12)
        self.heads, self.order = heads, order

    def forward(self, x: Tensor) -> Tensor:
        parts = self.qkv(x).chunk(3, -1)
        q, k, v = (parts[i].unflatten(-1, (self.heads, -1)).transpose(1, 2) for i in self.order)
        return self.proj(((q @ k.mT / 2).softmax(-1) @ v).transpose(1, 2).flatten(2))


class Packed(nn.Module):
    def __init__(self, inverted: bool = False) -> None:
        super().__init__()
        self.inner, self.inverted = nn.MultiheadAttention(12, 3, batch_first=True), inverted

    def forward(self, x: Tensor, y: Tensor | None = None, here: Tensor | None = None) -> Tensor:
        y = x if y is None else y
        padding = None if here is None else here if self.inverted else ~here
        return self.inner(x, y, y, key_padding_mask=padding, need_weights=False)[0]


class Flat(Attention):
    """The same in the net's own forward."""

    def __init__(self, *how: Any, **named: Any) -> None:
        super().__init__(*how, **named)
        self.classes = nn.Linear(12, 2)

    def forward(self, x: Tensor) -> Tensor:  # type: ignore[override]
        return self.classes(super().forward(x))


def attention(**how: Any) -> Callable[[], keras.Model]:
    return keras_net(
        lambda x: layers.MultiHeadAttention(3, 4, name="attention")(x, x, **how), (5, 12)
    )


def first_last(state: dict[str, Tensor]) -> None:
    for name in ("weight", "bias"):
        state[f"attention.qkv.{name}"].copy_(state[f"attention.qkv.{name}"].roll(12, 0))


def written(make: Callable[..., nn.Module]) -> dict[str, Wrong]:
    causes = {
        "key and value": "key and value are swapped",
        "query and key": "query and key are swapped",
        "no softmax": "softmax is missing",
        "sigmoid": "sigmoid in place of softmax",
    }
    wrong = {name: Wrong(lambda n=name: make(n), LAST, cause) for name, cause in causes.items()}
    wrong["causal"] = Wrong(lambda: make(causal=True), LAST, "the causal mask, where there")
    wrong["heads"] = Wrong(lambda: make(size=2), LAST, "6 heads instead of 3")
    return wrong


def causal(make: Callable[..., nn.Module]) -> dict[str, Wrong]:
    return {
        "strict": Wrong(lambda: make("strict", causal=True), LAST, "hides the token itself"),
        "ahead": Wrong(lambda: make("ahead", causal=True), LAST, "of what is behind, not of"),
    }


def in_net(*how: Any, **named: Any) -> nn.Module:
    return Net(Attention(*how, **named))


class Padded(nn.Module):
    def __init__(self, attention: nn.Module, masks: bool = True) -> None:
        super().__init__()
        self.tokens, self.attention, self.classes = nn.Embedding(8, 12), attention, nn.Linear(12, 2)
        self.masks = masks

    def forward(self, tokens: Tensor) -> Tensor:
        here = tokens != 0 if self.masks else None
        return self.classes(self.attention(self.tokens(tokens), here=here))


def padded(by_layer: bool) -> Callable[[], keras.Model]:
    def build() -> keras.Model:
        tokens = layers.Input((5,), dtype="int32")
        x = layers.Embedding(8, 12, mask_zero=by_layer, name="tokens")(tokens)
        shown = layers.Lambda(lambda t: ops.not_equal(t, 0)[:, None], name="shown")(tokens)
        attend = layers.MultiHeadAttention(3, 4, name="attention")
        y = attend(x, x) if by_layer else attend(x, x, attention_mask=shown)
        return keras.Model(tokens, layers.Dense(2, name="classes")(y))

    return build


OF_PADDING = {
    "none": Wrong(lambda: Padded(Attention(), False), LAST, "the mask of padding"),
    "inverted": Wrong(lambda: Padded(Attention("inverted")), LAST, "the mask of padding, inverted"),
    "weak": Wrong(lambda: Padded(Attention("weak")), LAST, "adds only -1"),
    "none in torch's": Wrong(
        lambda: Padded(Packed(), False), ("attention",), "the mask of padding is missing"
    ),
    "inverted in torch's": Wrong(
        lambda: Padded(Packed(inverted=True)), ("attention",), "the mask of padding is missing"
    ),
}


def block(first: bool, activation: str = "relu") -> Callable[[], keras.Model]:
    def layer(x: Any) -> Any:
        norms = [layers.LayerNormalization(epsilon=1e-5, name=f"norm_{i}") for i in (1, 2)]
        attend = layers.MultiHeadAttention(3, 4, name="self_attn")
        up = layers.Dense(24, activation=activation, name="up")
        down = layers.Dense(12, name="down")
        if first:
            h = norms[0](x)
            x = x + attend(h, h)
            return x + down(up(norms[1](x)))
        x = norms[0](x + attend(x, x))
        return norms[1](x + down(up(x)))

    return keras_net(layer, (5, 12))


class Encoder(nn.Module):
    def __init__(self, first: bool) -> None:
        super().__init__()
        self.layer = nn.TransformerEncoderLayer(12, 3, 24, 0.0, batch_first=True, norm_first=first)
        self.classes = nn.Linear(12, 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.classes(self.layer(x))


class Block(nn.Module):
    """A block by hand; without the first sum, or with its norm in the wrong place."""

    def __init__(self, wrong: str) -> None:
        super().__init__()
        self.self_attn, self.act, self.wrong = Attention(), nn.ReLU(), wrong
        self.norm_1, self.norm_2 = nn.LayerNorm(12), nn.LayerNorm(12)
        self.up, self.down, self.classes = nn.Linear(12, 24), nn.Linear(24, 12), nn.Linear(12, 2)

    def forward(self, x: Tensor) -> Tensor:
        if self.wrong == "first":
            x = x + self.self_attn(self.norm_1(x))
        else:
            y = self.self_attn(x)
            x = self.norm_1(y if self.wrong == "no sum" else x + y)
        return self.classes(self.norm_2(x + self.down(self.act(self.up(x)))))


def cross() -> keras.Model:
    a, b = layers.Input((5, 12), name="a"), layers.Input((4, 12), name="b")
    y = layers.MultiHeadAttention(3, 4, name="attention")(a, b)
    return keras.Model([a, b], layers.Dense(2, name="classes")(y))


class Cross(Net):
    """Reads one input alone."""

    def forward(self, a: Tensor, b: Tensor) -> Tensor:  # type: ignore[override]
        return self.classes(self.attention(a, a))


PAIRS = {
    "written in a module": NetPair(attention(), FEATURES, {}, written(in_net)),
    "written in forward": NetPair(attention(), FEATURES, {}, written(Flat)),
    "causal, in a module": NetPair(attention(use_causal_mask=True), FEATURES, {}, causal(in_net)),
    "causal, in forward": NetPair(attention(use_causal_mask=True), FEATURES, {}, causal(Flat)),
    "fused": NetPair(
        attention(),
        FEATURES,
        {"right": lambda: Net(Fused())},
        {
            "heads": Wrong(lambda: Net(Fused(6)), ("attention",), "6 heads instead of 3"),
            "rolled": Wrong(
                lambda: Net(Fused()),
                ("attention",),
                "projections are in the order value, query, key",
                first_last,
            ),
        },
    ),
    "padding, given": NetPair(padded(False), TOKENS, {}, OF_PADDING),
    "padding, by the embedding": NetPair(padded(True), TOKENS, {}, OF_PADDING),
    "norm first": NetPair(
        block(False),
        FEATURES,
        {"right": lambda: Encoder(False)},
        {
            "torch's": Wrong(lambda: Encoder(True), ("self_attn",), "norm_first is True"),
            "by hand": Wrong(
                lambda: Block("first"), ("self_attn/query",), "reads norm_1, not the input"
            ),
            "no sum": Wrong(lambda: Block("no sum"), ("add",), "the sum with input is missing"),
        },
        trains=False,
    ),
    "GELU": NetPair(
        block(False, "gelu"),
        FEATURES,
        {},
        {"ReLU": Wrong(lambda: Encoder(False), ("up",), "relu instead of gelu")},
    ),
    "of two inputs": NetPair(
        cross,
        {"a": FEATURES, "b": probe_input((2, 4, 12), seed=1)},
        {},
        {
            "one alone": Wrong(lambda: Cross(Attention()), ("attention/key",), "reads a, not b"),
            "one alone in torch's": Wrong(
                lambda: Cross(Packed()), ("attention",), "reads a, not b"
            ),
        },
    ),
}
FAST = ("padding, given", "norm first", "of two inputs")


@pytest.mark.parametrize(
    "name", [name if name in FAST else pytest.param(name, marks=pytest.mark.slow) for name in PAIRS]
)
def test_a_mistake_fails_and_is_named(name: str) -> None:
    assert misjudged(PAIRS[name]) == []
