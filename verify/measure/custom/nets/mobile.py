"""Nets for images on small machines: depthwise and grouped convolutions, gates, hard swish."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from verify.measure.custom.net import Net


def depthwise(keras: Any) -> Any:
    layers = keras.layers
    x = image = layers.Input((12, 10, 3))
    x = layers.ZeroPadding2D(((0, 1), (0, 1)), name="stem_pad")(x)
    x = layers.Conv2D(4, 3, 2, use_bias=False, name="stem")(x)
    x = layers.BatchNormalization(name="stem_bn")(x)
    x = layers.ReLU(6.0, name="stem_relu")(x)
    for index, (filters, strides) in enumerate([(6, 1), (8, 2)], 1):
        x = layers.DepthwiseConv2D(3, strides, "same", use_bias=False, name=f"dw{index}")(x)
        x = layers.BatchNormalization(name=f"dw{index}_bn")(x)
        x = layers.ReLU(6.0, name=f"dw{index}_relu")(x)
        x = layers.Conv2D(filters, 1, use_bias=False, name=f"pw{index}")(x)
        x = layers.BatchNormalization(name=f"pw{index}_bn")(x)
        x = layers.ReLU(6.0, name=f"pw{index}_relu")(x)
    x = layers.GlobalAveragePooling2D(keepdims=True, name="mean")(x)
    x = layers.Conv2D(5, 1, name="logits")(x)
    return keras.Model(image, layers.Flatten(name="flatten")(x))


class Separable(nn.Module):
    def __init__(self, into: int, out: int, stride: int, pads: tuple[int, ...]) -> None:
        super().__init__()
        self.pads = pads
        self.dw = nn.Conv2d(into, into, 3, stride, groups=into, bias=False)
        self.dw_bn = nn.BatchNorm2d(into, eps=1e-3)
        self.pw = nn.Conv2d(into, out, 1, bias=False)
        self.pw_bn = nn.BatchNorm2d(out, eps=1e-3)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu6(self.dw_bn(self.dw(F.pad(x, self.pads))))
        return F.relu6(self.pw_bn(self.pw(x)))


class Depthwise(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 4, 3, 2, bias=False)
        self.stem_bn = nn.BatchNorm2d(4, eps=1e-3)
        self.block1 = Separable(4, 6, 1, (1, 1, 1, 1))
        self.block2 = Separable(6, 8, 2, (1, 1, 0, 1))
        self.logits = nn.Conv2d(8, 5, 1)

    def forward(self, x: Tensor) -> Tensor:
        x = F.pad(x, (0, 1, 0, 1))
        x = F.relu6(self.stem_bn(self.stem(x)))
        x = self.block2(self.block1(x))
        x = x.mean((2, 3), keepdim=True)
        return self.logits(x).flatten(1)


def inverted(keras: Any) -> Any:
    layers = keras.layers
    x = image = layers.Input((10, 9, 3))
    x = layers.Conv2D(4, 3, padding="same", use_bias=False, name="stem")(x)
    x = layers.BatchNormalization(name="stem_bn")(x)
    x = layers.ReLU(6.0, name="stem_relu")(x)
    for index, strides in enumerate((1, 2), 1):
        y = layers.Conv2D(12, 1, use_bias=False, name=f"expand{index}")(x)
        y = layers.BatchNormalization(name=f"expand{index}_bn")(y)
        y = layers.ReLU(6.0, name=f"expand{index}_relu")(y)
        y = layers.ZeroPadding2D(1, name=f"dw{index}_pad")(y)
        y = layers.DepthwiseConv2D(3, strides, use_bias=False, name=f"dw{index}")(y)
        y = layers.BatchNormalization(name=f"dw{index}_bn")(y)
        y = layers.ReLU(6.0, name=f"dw{index}_relu")(y)
        y = layers.Conv2D(4, 1, use_bias=False, name=f"project{index}")(y)
        y = layers.BatchNormalization(name=f"project{index}_bn")(y)
        x = layers.Add(name=f"add{index}")([x, y]) if strides == 1 else y
    x = layers.GlobalAveragePooling2D(name="mean")(x)
    return keras.Model(image, layers.Dense(5, activation="sigmoid", name="classes")(x))


class InvertedBlock(nn.Module):
    def __init__(self, stride: int) -> None:
        super().__init__()
        self.adds = stride == 1
        self.expand = nn.Conv2d(4, 12, 1, bias=False)
        self.expand_bn = nn.BatchNorm2d(12, eps=1e-3)
        self.dw = nn.Conv2d(12, 12, 3, stride, 1, groups=12, bias=False)
        self.dw_bn = nn.BatchNorm2d(12, eps=1e-3)
        self.project = nn.Conv2d(12, 4, 1, bias=False)
        self.project_bn = nn.BatchNorm2d(4, eps=1e-3)

    def forward(self, x: Tensor) -> Tensor:
        y = F.relu6(self.expand_bn(self.expand(x)))
        y = F.relu6(self.dw_bn(self.dw(y)))
        y = self.project_bn(self.project(y))
        return x + y if self.adds else y


class Inverted(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 4, 3, padding=1, bias=False)
        self.stem_bn = nn.BatchNorm2d(4, eps=1e-3)
        self.block1 = InvertedBlock(1)
        self.block2 = InvertedBlock(2)
        self.classes = nn.Linear(4, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu6(self.stem_bn(self.stem(x)))
        x = self.block2(self.block1(x))
        x = x.mean((2, 3))
        return torch.sigmoid(self.classes(x))


def efficient(keras: Any) -> Any:
    layers = keras.layers
    x = image = layers.Input((9, 11, 3))
    x = layers.Rescaling(1 / 127.5, offset=-1, name="rescaling")(x)
    x = layers.Conv2D(6, 3, 2, "same", use_bias=False, name="stem")(x)
    x = layers.BatchNormalization(name="stem_bn")(x)
    x = layers.Activation("swish", name="stem_act")(x)
    y = layers.DepthwiseConv2D(5, padding="same", use_bias=False, name="dw")(x)
    y = layers.BatchNormalization(name="dw_bn")(y)
    y = layers.Activation("swish", name="dw_act")(y)
    gate = layers.GlobalAveragePooling2D(keepdims=True, name="se_mean")(y)
    gate = layers.Conv2D(3, 1, activation="swish", name="se_reduce")(gate)
    gate = layers.Conv2D(6, 1, activation="sigmoid", name="se_expand")(gate)
    y = layers.Multiply(name="se_excite")([y, gate])
    y = layers.Conv2D(6, 1, use_bias=False, name="project")(y)
    y = layers.BatchNormalization(name="project_bn")(y)
    x = layers.Add(name="add")([x, y])
    x = layers.GlobalAveragePooling2D(name="mean")(x)
    return keras.Model(image, layers.Dense(5, name="classes")(x))


class Efficient(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 6, 3, 2, padding=1, bias=False)
        self.stem_bn = nn.BatchNorm2d(6, eps=1e-3)
        self.dw = nn.Conv2d(6, 6, 5, padding=2, groups=6, bias=False)
        self.dw_bn = nn.BatchNorm2d(6, eps=1e-3)
        self.se_reduce = nn.Conv2d(6, 3, 1)
        self.se_expand = nn.Conv2d(3, 6, 1)
        self.project = nn.Conv2d(6, 6, 1, bias=False)
        self.project_bn = nn.BatchNorm2d(6, eps=1e-3)
        self.classes = nn.Linear(6, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = x / 127.5 - 1
        x = F.silu(self.stem_bn(self.stem(x)))
        y = F.silu(self.dw_bn(self.dw(x)))
        gate = F.adaptive_avg_pool2d(y, 1)
        gate = torch.sigmoid(self.se_expand(F.silu(self.se_reduce(gate))))
        y = y * gate
        x = x + self.project_bn(self.project(y))
        return self.classes(x.mean((2, 3)))


def hard(keras: Any) -> Any:
    layers = keras.layers
    x = image = layers.Input((8, 9, 3))
    x = layers.Conv2D(6, 3, padding="same", name="stem")(x)
    x = layers.BatchNormalization(name="stem_bn")(x)
    x = layers.Activation("hard_swish", name="stem_act")(x)
    gate = layers.GlobalAveragePooling2D(name="squeeze")(x)
    gate = layers.Dense(3, activation="relu", name="reduce")(gate)
    gate = layers.Dense(6, activation="hard_sigmoid", name="expand")(gate)
    gate = layers.Reshape((1, 1, 6), name="reshape")(gate)
    x = layers.Multiply(name="excite")([x, gate])
    x = layers.Conv2D(8, 3, 2, name="down")(x)
    x = layers.Activation("hard_swish", name="down_act")(x)
    x = layers.GlobalMaxPooling2D(name="max")(x)
    return keras.Model(image, layers.Dense(5, name="classes")(x))


class Hard(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 6, 3, padding=1)
        self.stem_bn = nn.BatchNorm2d(6, eps=1e-3)
        self.reduce = nn.Linear(6, 3)
        self.expand = nn.Linear(3, 6)
        self.down = nn.Conv2d(6, 8, 3, 2)
        self.classes = nn.Linear(8, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = F.hardswish(self.stem_bn(self.stem(x)))
        gate = F.relu(self.reduce(x.mean((2, 3))))
        gate = F.hardsigmoid(self.expand(gate))
        x = x * gate[:, :, None, None]
        x = F.hardswish(self.down(x))
        return self.classes(x.amax((2, 3)))


def grouped(keras: Any) -> Any:
    layers = keras.layers
    x = image = layers.Input((9, 10, 3))
    x = layers.Conv2D(8, 3, padding="same", activation="leaky_relu", name="stem")(x)
    x = layers.Conv2D(8, 3, padding="same", groups=2, name="grouped")(x)
    x = layers.LeakyReLU(negative_slope=0.1, name="leaky")(x)
    x = layers.Reshape((9, 10, 2, 4), name="split")(x)
    x = layers.Permute((1, 2, 4, 3), name="shuffle")(x)
    x = layers.Reshape((9, 10, 8), name="join")(x)
    x = layers.Conv2D(8, 3, padding="same", dilation_rate=2, name="dilated")(x)
    x = layers.ELU(name="elu")(x)
    x = layers.SeparableConv2D(6, 3, name="separable")(x)
    x = layers.GlobalAveragePooling2D(name="mean")(x)
    return keras.Model(image, layers.Dense(5, name="classes")(x))


class Grouped(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 3, padding=1)
        self.grouped = nn.Conv2d(8, 8, 3, padding=1, groups=2)
        self.dilated = nn.Conv2d(8, 8, 3, padding=2, dilation=2)
        self.separable_depthwise = nn.Conv2d(8, 8, 3, groups=8, bias=False)
        self.separable_pointwise = nn.Conv2d(8, 6, 1)
        self.classes = nn.Linear(6, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = F.leaky_relu(self.stem(x), 0.2)
        x = F.leaky_relu(self.grouped(x), 0.1)
        n, c, h, w = x.shape
        x = x.view(n, 2, 4, h, w).transpose(1, 2).reshape(n, c, h, w)
        x = F.elu(self.dilated(x))
        x = self.separable_pointwise(self.separable_depthwise(x))
        return self.classes(x.mean((2, 3)))


NETS = (
    Net("depthwise", depthwise, (Separable, Depthwise), (12, 10, 3)),
    Net("inverted", inverted, (InvertedBlock, Inverted), (10, 9, 3)),
    Net("efficient", efficient, (Efficient,), (9, 11, 3), scale=255),
    Net("hard", hard, (Hard,), (8, 9, 3)),
    Net("grouped", grouped, (Grouped,), (9, 10, 3)),
)
