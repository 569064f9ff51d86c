"""Nets with attention, gates between layers, and layers that are used twice."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from verify.measure.custom.net import Net


def encoder(keras: Any) -> Any:
    layers = keras.layers
    x = inputs = layers.Input((6, 8))
    y = layers.LayerNormalization(epsilon=1e-6, name="norm1")(x)
    y = layers.MultiHeadAttention(2, 4, name="attention")(y, y)
    x = layers.Add(name="add1")([x, y])
    y = layers.LayerNormalization(epsilon=1e-6, name="norm2")(x)
    y = layers.Dense(12, activation="gelu", name="wide")(y)
    y = layers.Dense(8, name="narrow")(y)
    x = layers.Add(name="add2")([x, y])
    x = layers.GlobalAveragePooling1D(name="mean")(x)
    return keras.Model(inputs, layers.Dense(3, name="classes")(x))


class Encoder(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(8, eps=1e-6)
        self.query = nn.Linear(8, 8)
        self.key = nn.Linear(8, 8)
        self.value = nn.Linear(8, 8)
        self.attention_output = nn.Linear(8, 8)
        self.norm2 = nn.LayerNorm(8, eps=1e-6)
        self.wide = nn.Linear(8, 12)
        self.narrow = nn.Linear(12, 8)
        self.classes = nn.Linear(8, 3)

    def forward(self, x: Tensor) -> Tensor:
        n, length, width = x.shape
        y = self.norm1(x)
        query = self.query(y).view(n, length, 2, 4).transpose(1, 2)
        key = self.key(y).view(n, length, 2, 4).transpose(1, 2)
        value = self.value(y).view(n, length, 2, 4).transpose(1, 2)
        scores = query @ key.transpose(-2, -1) / 4**0.5
        y = F.softmax(scores, dim=-1) @ value
        y = y.transpose(1, 2).reshape(n, length, width)
        x = x + self.attention_output(y)
        x = x + self.narrow(F.gelu(self.wide(self.norm2(x))))
        return self.classes(x.mean(1))


class PackedEncoder(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(8, eps=1e-6)
        self.attention = nn.MultiheadAttention(8, 2, batch_first=True)
        self.norm2 = nn.LayerNorm(8, eps=1e-6)
        self.wide = nn.Linear(8, 12)
        self.narrow = nn.Linear(12, 8)
        self.classes = nn.Linear(8, 3)

    def forward(self, x: Tensor) -> Tensor:
        y = self.norm1(x)
        x = x + self.attention(y, y, y, need_weights=False)[0]
        x = x + self.narrow(F.gelu(self.wide(self.norm2(x))))
        return self.classes(x.mean(1))


class KernelEncoder(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(8, eps=1e-6)
        self.query = nn.Linear(8, 8)
        self.key = nn.Linear(8, 8)
        self.value = nn.Linear(8, 8)
        self.attention_output = nn.Linear(8, 8)
        self.norm2 = nn.LayerNorm(8, eps=1e-6)
        self.wide = nn.Linear(8, 12)
        self.narrow = nn.Linear(12, 8)
        self.classes = nn.Linear(8, 3)

    def forward(self, x: Tensor) -> Tensor:
        y = self.norm1(x)
        query, key, value = (
            part.unflatten(-1, (2, 4)).transpose(1, 2)
            for part in (self.query(y), self.key(y), self.value(y))
        )
        y = F.scaled_dot_product_attention(query, key, value).transpose(1, 2).flatten(2)
        x = x + self.attention_output(y)
        x = x + self.narrow(F.gelu(self.wide(self.norm2(x))))
        return self.classes(x.mean(1))


def fused_attention(keras: Any) -> Any:
    layers, ops = keras.layers, keras.ops
    x = inputs = layers.Input((5, 6))
    y = layers.Dense(18, use_bias=False, name="qkv")(x)
    y = layers.Reshape((5, 3, 2, 3), name="heads")(y)
    y = layers.Permute((2, 3, 1, 4), name="order")(y)
    query, key, value = y[:, 0], y[:, 1], y[:, 2]
    scores = ops.matmul(query, ops.transpose(key, (0, 1, 3, 2))) * 3**-0.5
    y = ops.matmul(layers.Softmax(name="softmax")(scores), value)
    y = layers.Permute((2, 1, 3), name="back")(y)
    y = layers.Reshape((5, 6), name="merge")(y)
    x = layers.Add(name="add")([x, layers.Dense(6, name="proj")(y)])
    x = layers.LayerNormalization(epsilon=1e-5, name="norm")(x)
    return keras.Model(inputs, layers.Dense(3, name="logits")(x))


class FusedAttention(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.qkv = nn.Linear(6, 18, bias=False)
        self.proj = nn.Linear(6, 6)
        self.norm = nn.LayerNorm(6)
        self.logits = nn.Linear(6, 3)

    def forward(self, x: Tensor) -> Tensor:
        n, length, width = x.shape
        qkv = self.qkv(x).reshape(n, length, 3, 2, 3).permute(2, 0, 3, 1, 4)
        query, key, value = qkv[0], qkv[1], qkv[2]
        scores = (query @ key.transpose(-2, -1)) * 3**-0.5
        y = torch.softmax(scores, dim=-1) @ value
        x = x + self.proj(y.transpose(1, 2).reshape(n, length, width))
        return self.logits(self.norm(x))


def gated(keras: Any) -> Any:
    layers = keras.layers
    x = tokens = layers.Input((6,), dtype="int32")
    x = layers.Embedding(17, 8, name="embed")(x)
    for index in (1, 2):
        y = layers.RMSNormalization(epsilon=1e-5, name=f"norm{index}")(x)
        gate = layers.Dense(10, use_bias=False, activation="silu", name=f"gate{index}")(y)
        up = layers.Dense(10, use_bias=False, name=f"up{index}")(y)
        y = layers.Multiply(name=f"gated{index}")([gate, up])
        y = layers.Dense(8, use_bias=False, name=f"down{index}")(y)
        x = layers.Add(name=f"add{index}")([x, y])
    x = layers.RMSNormalization(epsilon=1e-5, name="norm")(x)
    return keras.Model(tokens, layers.Dense(17, use_bias=False, name="lm_head")(x))


class GatedBlock(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.RMSNorm(8, eps=1e-5)
        self.gate = nn.Linear(8, 10, bias=False)
        self.up = nn.Linear(8, 10, bias=False)
        self.down = nn.Linear(10, 8, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        y = self.norm(x)
        return x + self.down(F.silu(self.gate(y)) * self.up(y))


class Gated(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Embedding(17, 8)
        self.block1 = GatedBlock()
        self.block2 = GatedBlock()
        self.norm = nn.RMSNorm(8, eps=1e-5)
        self.lm_head = nn.Linear(8, 17, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        x = self.embed(x)
        x = self.block2(self.block1(x))
        return self.lm_head(self.norm(x))


def vit(keras: Any) -> Any:
    layers, ops = keras.layers, keras.ops

    class Positions(layers.Layer):  # type: ignore[misc, name-defined]
        def build(self, shape: Any) -> None:
            self.positions = self.add_weight(shape=(1, shape[1], shape[2]), name="positions")

        def call(self, x: Any) -> Any:
            return x + self.positions

    x = image = layers.Input((8, 12, 3))
    x = layers.Conv2D(8, 4, 4, name="patches")(x)
    x = layers.Reshape((6, 8), name="flatten")(x)
    x = Positions(name="embeddings")(x)
    y = layers.LayerNormalization(epsilon=1e-6, name="norm_before")(x)
    y = layers.MultiHeadAttention(2, 4, name="attention")(y, y)
    x = layers.Add(name="add1")([x, y])
    y = layers.LayerNormalization(epsilon=1e-6, name="norm_after")(x)
    y = layers.Dense(12, name="intermediate")(y)
    y = layers.Activation("gelu", name="gelu")(y)
    y = layers.Dense(8, name="mlp_output")(y)
    x = layers.Add(name="add2")([x, y])
    x = layers.LayerNormalization(epsilon=1e-6, name="norm")(x)
    return keras.Model(image, layers.Dense(5, name="classifier")(ops.mean(x, axis=1)))


class Vit(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.patches = nn.Conv2d(3, 8, 4, 4)
        self.positions = nn.Parameter(torch.zeros(1, 6, 8))
        self.norm_before = nn.LayerNorm(8, eps=1e-6)
        self.attention = nn.MultiheadAttention(8, 2, batch_first=True)
        self.norm_after = nn.LayerNorm(8, eps=1e-6)
        self.intermediate = nn.Linear(8, 12)
        self.mlp_output = nn.Linear(12, 8)
        self.norm = nn.LayerNorm(8, eps=1e-6)
        self.classifier = nn.Linear(8, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = self.patches(x).flatten(2).transpose(1, 2)
        x = x + self.positions
        y = self.norm_before(x)
        x = x + self.attention(y, y, y)[0]
        y = F.gelu(self.intermediate(self.norm_after(x)))
        x = x + self.mlp_output(y)
        return self.classifier(self.norm(x).mean(1))


def mixer(keras: Any) -> Any:
    layers = keras.layers
    x = inputs = layers.Input((6, 8))
    y = layers.LayerNormalization(epsilon=1e-5, name="norm_tokens")(x)
    y = layers.Permute((2, 1), name="to_tokens")(y)
    y = layers.Dense(10, activation="gelu", name="tokens_wide")(y)
    y = layers.Dense(6, name="tokens_narrow")(y)
    y = layers.Permute((2, 1), name="to_channels")(y)
    x = layers.Add(name="add_tokens")([x, y])
    y = layers.LayerNormalization(epsilon=1e-5, name="norm_channels")(x)
    y = layers.Dense(12, activation="gelu", name="channels_wide")(y)
    y = layers.Dense(8, name="channels_narrow")(y)
    x = layers.Add(name="add_channels")([x, y])
    x = layers.GlobalAveragePooling1D(name="mean")(x)
    return keras.Model(inputs, layers.Dense(4, name="head")(x))


class Mixer(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.norm_tokens = nn.LayerNorm(8)
        self.tokens_wide = nn.Linear(6, 10)
        self.tokens_narrow = nn.Linear(10, 6)
        self.norm_channels = nn.LayerNorm(8)
        self.channels_wide = nn.Linear(8, 12)
        self.channels_narrow = nn.Linear(12, 8)
        self.head = nn.Linear(8, 4)

    def forward(self, x: Tensor) -> Tensor:
        y = self.norm_tokens(x).transpose(1, 2)
        y = self.tokens_narrow(F.gelu(self.tokens_wide(y)))
        x = x + y.transpose(1, 2)
        y = F.gelu(self.channels_wide(self.norm_channels(x)))
        x = x + self.channels_narrow(y)
        return self.head(x.mean(1))


NETS = (
    Net("encoder", encoder, (Encoder,), (6, 8),
        others={"packed": (PackedEncoder,), "in one kernel": (KernelEncoder,)}),
    Net("fused attention", fused_attention, (FusedAttention,), (5, 6)),
    Net("gated", gated, (GatedBlock, Gated), (6,), tokens=17),
    Net("ViT", vit, (Vit,), (8, 12, 3)),
    Net("mixer", mixer, (Mixer,), (6, 8)),
)  # fmt: skip
