"""Nets for images, in the styles of the published ones."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from verify.measure.custom.net import Net


def _conv(layers: Any, x: Any, name: str, filters: int, kernel: int, strides: int = 1) -> Any:
    """A convolution with batch norm."""
    x = layers.Conv2D(filters, kernel, strides, "same", use_bias=False, name=name)(x)
    return layers.BatchNormalization(name=f"{name}_bn")(x)


def plain(keras: Any) -> Any:
    layers = keras.layers
    x = image = layers.Input((11, 8, 3))
    x = layers.ReLU(name="relu1")(_conv(layers, x, "conv1", 6, 3))
    x = layers.ReLU(name="relu2")(_conv(layers, x, "conv2", 6, 3))
    x = layers.MaxPooling2D(2, name="pool")(x)
    x = layers.Conv2D(8, (3, 2), name="conv3", activation="relu")(x)
    x = layers.GlobalAveragePooling2D(name="mean")(x)
    x = layers.Dense(7, activation="relu", name="hidden")(x)
    x = layers.Dropout(0.3, name="dropout")(x)
    return keras.Model(image, layers.Dense(5, name="classes")(x))


class Plain(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 6, 3, padding=1, bias=False)
        self.conv1_bn = nn.BatchNorm2d(6, eps=1e-3)
        self.conv2 = nn.Conv2d(6, 6, 3, padding=1, bias=False)
        self.conv2_bn = nn.BatchNorm2d(6, eps=1e-3)
        self.conv3 = nn.Conv2d(6, 8, (3, 2))
        self.hidden = nn.Linear(8, 7)
        self.dropout = nn.Dropout(0.3)
        self.classes = nn.Linear(7, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.conv1_bn(self.conv1(x)))
        x = F.relu(self.conv2_bn(self.conv2(x)))
        x = F.max_pool2d(x, 2)
        x = F.relu(self.conv3(x))
        x = x.mean((2, 3))
        x = self.dropout(F.relu(self.hidden(x)))
        return self.classes(x)


def residual(keras: Any) -> Any:
    layers = keras.layers
    x = image = layers.Input((9, 12, 3))
    x = layers.ReLU(name="stem_relu")(_conv(layers, x, "stem", 6, 3))
    for index, (filters, strides) in enumerate([(6, 1), (8, 2)], 1):
        skip = x
        y = layers.ZeroPadding2D(1, name=f"block{index}_pad")(x)
        y = layers.Conv2D(filters, 3, strides, use_bias=False, name=f"block{index}_conv1")(y)
        y = layers.BatchNormalization(epsilon=1e-5, name=f"block{index}_bn1")(y)
        y = layers.ReLU(name=f"block{index}_relu1")(y)
        y = _conv(layers, y, f"block{index}_conv2", filters, 3)
        if strides > 1:
            skip = layers.Conv2D(filters, 1, strides, name=f"block{index}_shortcut")(skip)
        x = layers.Add(name=f"block{index}_add")([y, skip])
        x = layers.ReLU(name=f"block{index}_relu2")(x)
    x = layers.GlobalAveragePooling2D(name="mean")(x)
    return keras.Model(image, layers.Dense(5, name="classes")(x))


class BasicBlock(nn.Module):
    def __init__(self, into: int, out: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(into, out, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(out)
        self.conv2 = nn.Conv2d(out, out, 3, 1, 1, bias=False)
        self.conv2_bn = nn.BatchNorm2d(out, eps=1e-3)
        self.shortcut = nn.Conv2d(into, out, 1, stride) if stride > 1 else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        y = F.relu(self.bn1(self.conv1(x)))
        y = self.conv2_bn(self.conv2(y))
        return F.relu(y + self.shortcut(x))


class Residual(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 6, 3, padding=1, bias=False)
        self.stem_bn = nn.BatchNorm2d(6, eps=1e-3)
        self.block1 = BasicBlock(6, 6, 1)
        self.block2 = BasicBlock(6, 8, 2)
        self.classes = nn.Linear(8, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.stem_bn(self.stem(x)))
        x = self.block2(self.block1(x))
        return self.classes(x.mean((2, 3)))


def preactivated(keras: Any) -> Any:
    layers = keras.layers
    x = image = layers.Input((8, 10, 3))
    x = layers.Conv2D(6, 3, padding="same", name="stem")(x)
    for index in (1, 2):
        y = layers.BatchNormalization(name=f"norm{index}a", epsilon=1.001e-5)(x)
        y = layers.Activation("relu", name=f"relu{index}a")(y)
        y = layers.Conv2D(4, 1, use_bias=False, name=f"reduce{index}")(y)
        y = layers.BatchNormalization(name=f"norm{index}b", epsilon=1.001e-5)(y)
        y = layers.Activation("relu", name=f"relu{index}b")(y)
        y = layers.Conv2D(6, 3, padding="same", name=f"expand{index}")(y)
        x = layers.Add(name=f"add{index}")([x, y])
    x = layers.BatchNormalization(name="post_norm", epsilon=1.001e-5)(x)
    x = layers.Activation("relu", name="post_relu")(x)
    x = layers.AveragePooling2D(2, name="pool")(x)
    x = layers.Flatten(name="flatten")(x)
    return keras.Model(image, layers.Dense(4, activation="softmax", name="classes")(x))


class PreactivatedBlock(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.norm_a = nn.BatchNorm2d(6, eps=1.001e-5)
        self.reduce = nn.Conv2d(6, 4, 1, bias=False)
        self.norm_b = nn.BatchNorm2d(4, eps=1.001e-5)
        self.expand = nn.Conv2d(4, 6, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        y = self.reduce(F.relu(self.norm_a(x)))
        return x + self.expand(F.relu(self.norm_b(y)))


class Preactivated(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 6, 3, padding=1)
        self.block1 = PreactivatedBlock()
        self.block2 = PreactivatedBlock()
        self.post_norm = nn.BatchNorm2d(6, eps=1.001e-5)
        self.classes = nn.Linear(6 * 4 * 5, 4)

    def forward(self, x: Tensor) -> Tensor:
        x = self.block2(self.block1(self.stem(x)))
        x = F.relu(self.post_norm(x))
        x = F.avg_pool2d(x, 2)
        x = x.permute(0, 2, 3, 1).flatten(1)
        return F.softmax(self.classes(x), dim=-1)


def inception(keras: Any) -> Any:
    layers = keras.layers
    x = image = layers.Input((9, 9, 3))
    x = layers.ReLU(name="stem_relu")(_conv(layers, x, "stem", 6, 3))
    one = layers.Conv2D(4, 1, activation="relu", name="branch1")(x)
    three = layers.Conv2D(4, 1, activation="relu", name="branch3_reduce")(x)
    three = layers.Conv2D(4, 3, padding="same", activation="relu", name="branch3")(three)
    five = layers.Conv2D(4, 1, activation="relu", name="branch5_reduce")(x)
    five = layers.Conv2D(4, 3, padding="same", activation="relu", name="branch5a")(five)
    five = layers.Conv2D(4, 3, padding="same", activation="relu", name="branch5b")(five)
    pool = layers.AveragePooling2D(3, 1, "same", name="pool")(x)
    pool = layers.Conv2D(4, 1, activation="relu", name="branch_pool")(pool)
    x = layers.Concatenate(name="mixed")([one, three, five, pool])
    x = layers.Conv2D(6, 3, 2, name="down")(x)
    x = layers.GlobalMaxPooling2D(name="max")(x)
    return keras.Model(image, layers.Dense(5, name="classes")(x))


class Inception(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 6, 3, padding=1, bias=False)
        self.stem_bn = nn.BatchNorm2d(6, eps=1e-3)
        self.branch1 = nn.Conv2d(6, 4, 1)
        self.branch3_reduce = nn.Conv2d(6, 4, 1)
        self.branch3 = nn.Conv2d(4, 4, 3, padding=1)
        self.branch5_reduce = nn.Conv2d(6, 4, 1)
        self.branch5a = nn.Conv2d(4, 4, 3, padding=1)
        self.branch5b = nn.Conv2d(4, 4, 3, padding=1)
        self.branch_pool = nn.Conv2d(6, 4, 1)
        self.down = nn.Conv2d(16, 6, 3, 2)
        self.classes = nn.Linear(6, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.stem_bn(self.stem(x)))
        one = F.relu(self.branch1(x))
        three = F.relu(self.branch3(F.relu(self.branch3_reduce(x))))
        five = F.relu(self.branch5_reduce(x))
        five = F.relu(self.branch5b(F.relu(self.branch5a(five))))
        pool = F.avg_pool2d(x, 3, 1, 1, count_include_pad=False)
        pool = F.relu(self.branch_pool(pool))
        x = torch.cat([one, three, five, pool], 1)
        return self.classes(self.down(x).amax((2, 3)))


def dense_growth(keras: Any) -> Any:
    layers = keras.layers
    x = image = layers.Input((7, 8, 3))
    x = layers.Conv2D(4, 3, padding="same", use_bias=False, name="stem")(x)
    for index in range(3):
        y = layers.BatchNormalization(name=f"norm{index}")(x)
        y = layers.Activation("relu", name=f"relu{index}")(y)
        y = layers.Conv2D(4, 3, padding="same", use_bias=False, name=f"conv{index}")(y)
        x = layers.Concatenate(name=f"concat{index}")([x, y])
    x = layers.BatchNormalization(name="norm")(x)
    x = layers.GlobalAveragePooling2D(name="mean")(x)
    return keras.Model(image, layers.Dense(5, name="classes")(x))


class DenseGrowth(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 4, 3, padding=1, bias=False)
        self.norm0 = nn.BatchNorm2d(4, eps=1e-3)
        self.conv0 = nn.Conv2d(4, 4, 3, padding=1, bias=False)
        self.norm1 = nn.BatchNorm2d(8, eps=1e-3)
        self.conv1 = nn.Conv2d(8, 4, 3, padding=1, bias=False)
        self.norm2 = nn.BatchNorm2d(12, eps=1e-3)
        self.conv2 = nn.Conv2d(12, 4, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(16, eps=1e-3)
        self.classes = nn.Linear(16, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        x = torch.cat([x, self.conv0(F.relu(self.norm0(x)))], 1)
        x = torch.cat([x, self.conv1(F.relu(self.norm1(x)))], 1)
        x = torch.cat([x, self.conv2(F.relu(self.norm2(x)))], 1)
        return self.classes(self.norm(x).mean((2, 3)))


NETS = (
    Net("plain", plain, (Plain,), (11, 8, 3)),
    Net("residual", residual, (BasicBlock, Residual), (9, 12, 3)),
    Net("preactivated", preactivated, (PreactivatedBlock, Preactivated), (8, 10, 3)),
    Net("inception", inception, (Inception,), (9, 9, 3)),
    Net("dense growth", dense_growth, (DenseGrowth,), (7, 8, 3)),
)
