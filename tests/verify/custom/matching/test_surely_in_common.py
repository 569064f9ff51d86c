"""The facts are outputs, weights, and the layers that both sides surely have in common."""

from collections.abc import Callable
from typing import Any

import keras
import pytest
import torch
from keras import layers, ops
from torch import Tensor, nn
from torch.nn import functional as F

import verify
from tests.verify.custom.matched import matching_of
from verify.custom import KerasModel, port_spec, probe_input

IMAGES = probe_input((2, 9, 10, 6)) - 0.5


class Scale(layers.Layer):
    def build(self, shape: Any) -> None:
        self.gamma = self.add_weight(shape=shape[-1:], initializer="ones", name="gamma")

    def call(self, x: Any) -> Any:
        return x * self.gamma


def convnext() -> keras.Model:
    x = image = layers.Input((9, 10, 6))
    for index in range(2):
        y = layers.DepthwiseConv2D(3, padding="same", name=f"dw_{index}")(x)
        y = layers.LayerNormalization(epsilon=1e-6, name=f"norm_{index}")(y)
        y = layers.Dense(6, activation="gelu", name=f"mlp_{index}")(y)
        x = layers.Add(name=f"add_{index}")([x, Scale(name=f"scale_{index}")(y)])
    return keras.Model(image, layers.GlobalAveragePooling2D(name="pool")(x))


class Block(nn.Module):
    """Has a parameter of its own besides its modules, as ConvNeXt's have."""

    def __init__(self, eps: float) -> None:
        super().__init__()
        self.dw = nn.Conv2d(6, 6, 3, padding=1, groups=6)
        self.norm = nn.LayerNorm(6, eps=eps)
        self.mlp = nn.Linear(6, 6)
        self.gamma = nn.Parameter(torch.ones(6))
        self.act: Callable[[Tensor], Tensor] = F.gelu

    def forward(self, x: Tensor) -> Tensor:
        y = self.norm(self.dw(x).permute(0, 2, 3, 1))
        return x + (self.act(self.mlp(y)) * self.gamma).permute(0, 3, 1, 2)


class ConvNeXt(nn.Sequential):
    def __init__(self, eps: float = 1e-6) -> None:
        super().__init__(Block(1e-6), Block(eps))

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x).mean((2, 3))


def test_a_parameter_of_a_block_does_not_make_the_block_its_tap() -> None:
    original = KerasModel(convnext, seed=0)
    spec = port_spec("convnext", original, ConvNeXt(), IMAGES)
    assert matching_of(spec).weights["scale_1/gamma"] == "1.gamma (c -> c)"
    report = verify.compare_layers(spec)
    assert report.passed, report.first_failure
    wrong = verify.compare_layers(port_spec("epsilon", original, ConvNeXt(1e-3), IMAGES))
    assert wrong.first_failure == "norm_1"
    relu = ConvNeXt()
    relu[1].act = F.relu
    taps = verify.compare_layers(port_spec("relu", original, relu, IMAGES)).taps
    alone = [tap.name for tap in taps if tap.isolated and not tap.isolated.passed]
    assert alone == ["mlp_1"]


def upsampling() -> keras.Model:
    x = image = layers.Input((9, 10, 6))
    x = layers.Conv2DTranspose(6, 3, strides=2, padding="same", name="up")(x)
    x = layers.ReLU(name="act")(x)
    return keras.Model(image, layers.Conv2D(4, 1, name="out")(x))


class Upsampling(nn.Module):
    """Crops outside of the module that computed too much."""

    def __init__(self, first: int = 0) -> None:
        super().__init__()
        self.up, self.out = nn.ConvTranspose2d(6, 6, 3, stride=2), nn.Conv2d(6, 4, 1)
        self.first = first

    def forward(self, x: Tensor) -> Tensor:
        end = self.first
        y = self.up(x)[..., end : end + 18, end : end + 20]
        return self.out(y.relu())


def test_what_is_cropped_outside_is_compared_where_it_is_cropped() -> None:
    original = KerasModel(upsampling, seed=0)
    spec = port_spec("crop", original, Upsampling(), IMAGES)
    report = verify.compare_layers(spec)
    assert report.passed, report.first_failure
    assert " getitem (" in matching_of(spec).taps["up"]
    off = verify.compare_layers(port_spec("off", original, Upsampling(1), IMAGES))
    assert [t.name for t in off.taps if t.isolated and not t.isolated.passed] == ["up"]


def normalised() -> keras.Model:
    x = image = layers.Input((9, 10, 6))
    x = layers.Conv2D(6, 3, use_bias=False, name="conv")(x)
    x = layers.BatchNormalization(name="bn")(x)
    x = layers.ReLU(name="act")(x)
    return keras.Model(image, layers.Conv2D(4, 1, name="out")(x))


class NormAct(nn.BatchNorm2d):
    """As in timm: norm and activation in one, with modules inside or without."""

    def __init__(self, act: nn.Module | None, eps: float = 1e-3) -> None:
        super().__init__(6, eps=eps)
        if act is not None:
            self.drop, self.act = nn.Identity(), act

    def forward(self, x: Tensor) -> Tensor:
        y = super().forward(x)
        return self.act(self.drop(y)) if hasattr(self, "act") else y.relu()


class Normalised(nn.Sequential):
    def __init__(self, act: nn.Module | None, eps: float = 1e-3) -> None:
        super().__init__(nn.Conv2d(6, 6, 3, bias=False), NormAct(act, eps), nn.Conv2d(6, 4, 1))


@pytest.mark.parametrize("act", [nn.ReLU, lambda: None], ids=["modules inside", "none inside"])
def test_norm_and_activation_in_one_module(act: Callable[[], nn.Module | None]) -> None:
    original = KerasModel(normalised, seed=0)
    report = verify.compare_layers(port_spec("fused", original, Normalised(act()), IMAGES))
    assert report.passed, report.first_failure
    assert "act" in [tap.name for tap in report.taps]
    wrong = verify.compare_layers(port_spec("wrong", original, Normalised(act(), 1e-5), IMAGES))
    assert wrong.first_failure in ("bn", "act")


def test_what_nobody_says_of_a_tap_agrees_or_is_told() -> None:
    """A module that hands on something else than the layer, though all is right at the end."""

    class Twice(nn.ReLU):
        def forward(self, x: Tensor) -> Tensor:
            return 2 * super().forward(x)

    class Port(nn.Module):
        def __init__(self, back: float) -> None:
            super().__init__()
            self.conv, self.bn = nn.Conv2d(6, 6, 3, bias=False), nn.BatchNorm2d(6, eps=1e-3)
            self.act, self.out, self.back = Twice(), nn.Conv2d(6, 4, 1), back

        def forward(self, x: Tensor) -> Tensor:
            return self.out(self.act(self.bn(self.conv(x))) * self.back)

    original = KerasModel(normalised, seed=0)
    spec = port_spec("twice", original, Port(0.5), IMAGES)
    assert list(matching_of(spec).not_compared) == ["act"]
    assert verify.compare_layers(spec).passed
    assert not verify.compare_layers(port_spec("wrong", original, Port(0.6), IMAGES)).passed


def test_a_mistake_that_this_input_hides_at_the_output_is_not_waived() -> None:
    """Where the port would answer larger numbers otherwise, its tap stays and fails."""

    def build() -> keras.Model:
        x = image = layers.Input((9, 10, 6))
        x = layers.ReLU(name="act")(layers.Conv2D(6, 1, name="conv")(x))
        return keras.Model(image, layers.ReLU(threshold=1.0, name="far")(x))

    class Abs(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x.abs()

    class Port(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv, self.act = nn.Conv2d(6, 6, 1), Abs()

        def forward(self, x: Tensor) -> Tensor:
            return F.threshold(self.act(self.conv(x)), 1, 0)

    small = IMAGES / 4
    assert not F.threshold(Port().conv(torch.from_numpy(small).movedim(3, 1)), 1, 0).any()
    report = verify.compare_layers(port_spec("hidden", KerasModel(build, seed=0), Port(), small))
    assert report.first_failure == "act"


class Tokens(layers.Layer):
    """Puts a token of its own in front, and adds positions."""

    def build(self, shape: Any) -> None:
        self.first = self.add_weight(shape=(1, 1, 8), name="cls_token")
        self.position = self.add_weight(shape=(1, shape[1] + 1, 8), name="position_embedding")

    def call(self, x: Any) -> Any:
        first = ops.broadcast_to(self.first, (ops.shape(x)[0], 1, 8))
        return ops.concatenate([first, x], 1) + self.position


class More(layers.Layer):
    """Computes something without a batch axis."""

    def build(self, shape: Any) -> None:
        self.rows = self.add_weight(shape=shape[1:], name="embeddings")

    def call(self, _x: Any) -> Any:
        return self.rows + 0.0


def transformer() -> keras.Model:
    x = image = layers.Input((8, 8, 3))
    x = layers.Reshape((4, 8))(layers.Conv2D(8, 4, strides=4, name="patch")(x))
    x = Tokens(name="tokens")(x)
    x = x + More(name="more")(x)
    x = layers.LayerNormalization(epsilon=1e-6, name="norm")(x)
    return keras.Model(image, layers.Dense(3, name="head")(x[:, 0]))


class Embedding(nn.Module):
    """One module for two layers of the original, with parameters besides a module."""

    def __init__(self) -> None:
        super().__init__()
        self.cls = nn.Parameter(torch.zeros(1, 1, 8))
        self.pos_embed = nn.Parameter(torch.zeros(1, 5, 8))
        self.proj = nn.Conv2d(3, 8, 4, stride=4)

    def forward(self, x: Tensor) -> Tensor:
        x = self.proj(x).flatten(2).mT
        return torch.cat([self.cls.expand(len(x), -1, -1), x], 1) + self.pos_embed


class Rows(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(1, 5, 8))

    def forward(self) -> Tensor:
        return self.weight + 0


class Transformer(nn.Module):
    def __init__(self, adds: bool) -> None:
        super().__init__()
        self.embed, self.more, self.adds = Embedding(), Rows(), adds
        self.norm, self.head = nn.LayerNorm(8, eps=1e-6), nn.Linear(8, 3)

    def forward(self, x: Tensor) -> Tensor:
        x = self.embed(x)
        return self.head(self.norm(x + self.more() if self.adds else x)[:, 0])


@pytest.mark.parametrize("adds", [True, False])
def test_tokens_positions_and_what_has_no_batch_axis(adds: bool) -> None:
    images = probe_input((2, 8, 8, 3))
    spec = port_spec("transformer", KerasModel(transformer, seed=0), Transformer(adds), images)
    report = verify.compare_layers(spec)
    assert (report.passed, report.first_failure) == (adds, None if adds else "add")
    weights = matching_of(spec).weights
    assert weights["tokens/cls_token"].startswith("embed.cls ")
    assert weights["more/embeddings"] == "more.weight (l c -> 1 l c)"
