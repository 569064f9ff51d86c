"""Nets that keep, restore or widen what they read: U-nets, resizing, ConvNeXt, volumes, pools."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from verify.measure.custom.net import Net


def unet(keras: Any) -> Any:
    layers = keras.layers
    x = image = layers.Input((8, 12, 3))
    x = high = layers.Conv2D(4, 3, padding="same", activation="relu", name="enc1")(x)
    x = layers.MaxPooling2D(2, name="pool1")(x)
    x = low = layers.Conv2D(6, 3, padding="same", activation="relu", name="enc2")(x)
    x = layers.MaxPooling2D(2, name="pool2")(x)
    x = layers.Conv2D(8, 3, padding="same", activation="relu", name="bottom")(x)
    x = layers.Conv2DTranspose(6, 2, 2, name="up2")(x)
    x = layers.Concatenate(name="skip2")([low, x])
    x = layers.Conv2D(6, 3, padding="same", activation="relu", name="dec2")(x)
    x = layers.Conv2DTranspose(4, 2, 2, name="up1")(x)
    x = layers.Concatenate(name="skip1")([high, x])
    x = layers.Conv2D(4, 3, padding="same", activation="relu", name="dec1")(x)
    return keras.Model(image, layers.Conv2D(2, 1, activation="sigmoid", name="mask")(x))


class UNet(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.enc1 = nn.Conv2d(3, 4, 3, padding=1)
        self.enc2 = nn.Conv2d(4, 6, 3, padding=1)
        self.bottom = nn.Conv2d(6, 8, 3, padding=1)
        self.up2 = nn.ConvTranspose2d(8, 6, 2, 2)
        self.dec2 = nn.Conv2d(12, 6, 3, padding=1)
        self.up1 = nn.ConvTranspose2d(6, 4, 2, 2)
        self.dec1 = nn.Conv2d(8, 4, 3, padding=1)
        self.mask = nn.Conv2d(4, 2, 1)

    def forward(self, x: Tensor) -> Tensor:
        high = F.relu(self.enc1(x))
        low = F.relu(self.enc2(F.max_pool2d(high, 2)))
        x = F.relu(self.bottom(F.max_pool2d(low, 2)))
        x = torch.cat([low, self.up2(x)], 1)
        x = F.relu(self.dec2(x))
        x = torch.cat([high, self.up1(x)], 1)
        x = F.relu(self.dec1(x))
        return torch.sigmoid(self.mask(x))


def pyramid(keras: Any) -> Any:
    layers = keras.layers
    x = image = layers.Input((8, 6, 3))
    x = fine = layers.Conv2D(5, 3, padding="same", activation="elu", name="fine")(x)
    x = layers.AveragePooling2D(2, name="pool")(x)
    x = layers.Conv2D(5, 3, padding="same", activation="elu", name="coarse")(x)
    x = layers.UpSampling2D(2, name="nearest")(x)
    x = layers.Add(name="merge")([fine, x])
    x = layers.Conv2D(4, 1, name="lateral")(x)
    x = layers.UpSampling2D(2, interpolation="bilinear", name="bilinear")(x)
    x = layers.Cropping2D(((1, 2), (0, 1)), name="crop")(x)
    return keras.Model(image, layers.Conv2D(2, 3, name="logits")(x))


class Pyramid(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.fine = nn.Conv2d(3, 5, 3, padding=1)
        self.coarse = nn.Conv2d(5, 5, 3, padding=1)
        self.lateral = nn.Conv2d(5, 4, 1)
        self.logits = nn.Conv2d(4, 2, 3)

    def forward(self, x: Tensor) -> Tensor:
        fine = F.elu(self.fine(x))
        x = F.elu(self.coarse(F.avg_pool2d(fine, 2)))
        x = fine + F.interpolate(x, scale_factor=2, mode="nearest")
        x = self.lateral(x)
        x = F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)
        x = x[:, :, 1:-2, :-1]
        return self.logits(x)


def convnext(keras: Any) -> Any:
    layers = keras.layers

    class LayerScale(layers.Layer):  # type: ignore[misc, name-defined]
        def build(self, shape: Any) -> None:
            self.gamma = self.add_weight(shape=(shape[-1],), name="gamma")

        def call(self, x: Any) -> Any:
            return x * self.gamma

    x = image = layers.Input((8, 12, 3))
    x = layers.Conv2D(6, 4, 4, name="stem")(x)
    x = layers.LayerNormalization(epsilon=1e-6, name="stem_norm")(x)
    for index in (1, 2):
        y = layers.DepthwiseConv2D(3, padding="same", name=f"dw{index}")(x)
        y = layers.LayerNormalization(epsilon=1e-6, name=f"norm{index}")(y)
        y = layers.Dense(12, name=f"wide{index}")(y)
        y = layers.Activation("gelu", name=f"gelu{index}")(y)
        y = layers.Dense(6, name=f"narrow{index}")(y)
        y = LayerScale(name=f"scale{index}")(y)
        x = layers.Add(name=f"add{index}")([x, y])
    x = layers.GlobalAveragePooling2D(name="mean")(x)
    x = layers.LayerNormalization(epsilon=1e-6, name="head_norm")(x)
    return keras.Model(image, layers.Dense(5, name="classes")(x))


class ConvNextBlock(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.dw = nn.Conv2d(6, 6, 3, padding=1, groups=6)
        self.norm = nn.LayerNorm(6, eps=1e-6)
        self.wide = nn.Linear(6, 12)
        self.narrow = nn.Linear(12, 6)
        self.gamma = nn.Parameter(torch.ones(6))

    def forward(self, x: Tensor) -> Tensor:
        y = self.dw(x).permute(0, 2, 3, 1)
        y = self.narrow(F.gelu(self.wide(self.norm(y))))
        y = (self.gamma * y).permute(0, 3, 1, 2)
        return x + y


class ConvNext(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 6, 4, 4)
        self.stem_norm = nn.LayerNorm(6, eps=1e-6)
        self.block1 = ConvNextBlock()
        self.block2 = ConvNextBlock()
        self.head_norm = nn.LayerNorm(6, eps=1e-6)
        self.classes = nn.Linear(6, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem_norm(self.stem(x).permute(0, 2, 3, 1)).permute(0, 3, 1, 2)
        x = self.block2(self.block1(x))
        return self.classes(self.head_norm(x.mean((2, 3))))


def pools(keras: Any) -> Any:
    layers = keras.layers
    x = image = layers.Input((9, 11, 3))
    x = layers.Conv2D(4, 3, padding="same", activation="tanh", name="stem")(x)
    left = layers.MaxPooling2D(3, 2, "same", name="max")(x)
    right = layers.AveragePooling2D(3, 2, "same", name="average")(x)
    x = layers.Concatenate(name="both")([left, right])
    x = layers.Conv2D(6, 3, padding="same", name="conv")(x)
    x = layers.GroupNormalization(2, epsilon=1e-4, name="group_norm")(x)
    x = layers.PReLU(shared_axes=[1, 2], name="prelu")(x)
    mean = layers.GlobalAveragePooling2D(name="mean")(x)
    top = layers.GlobalMaxPooling2D(name="top")(x)
    x = layers.Concatenate(name="summary")([mean, top])
    return keras.Model(image, layers.Dense(5, name="classes")(x))


class Pools(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 4, 3, padding=1)
        self.conv = nn.Conv2d(8, 6, 3, padding=1)
        self.group_norm = nn.GroupNorm(2, 6, eps=1e-4)
        self.prelu = nn.PReLU(6)
        self.classes = nn.Linear(12, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = torch.tanh(self.stem(x))
        left = F.max_pool2d(F.pad(x, (1, 1, 1, 1), value=-2.0), 3, 2)
        right = F.avg_pool2d(x, 3, 2, 1, count_include_pad=False)
        x = self.conv(torch.cat([left, right], 1))
        x = self.prelu(self.group_norm(x))
        x = torch.cat([x.mean((2, 3)), x.amax((2, 3))], 1)
        return self.classes(x)


def volume(keras: Any) -> Any:
    layers = keras.layers
    x = clip = layers.Input((4, 7, 6, 3))
    x = layers.Conv3D(5, 3, padding="same", use_bias=False, name="conv1")(x)
    x = layers.BatchNormalization(name="bn1")(x)
    x = layers.ReLU(name="relu1")(x)
    x = layers.MaxPooling3D((1, 2, 2), name="pool")(x)
    x = layers.Conv3D(6, (3, 1, 1), padding="same", activation="relu", name="temporal")(x)
    x = layers.Conv3D(6, (1, 2, 2), (2, 1, 1), name="spatial")(x)
    x = layers.GlobalAveragePooling3D(name="mean")(x)
    return keras.Model(clip, layers.Dense(5, name="classes")(x))


class Volume(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv3d(3, 5, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm3d(5, eps=1e-3)
        self.temporal = nn.Conv3d(5, 6, (3, 1, 1), padding=(1, 0, 0))
        self.spatial = nn.Conv3d(6, 6, (1, 2, 2), (2, 1, 1))
        self.classes = nn.Linear(6, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.bn1(self.conv1(x)))
        x = F.max_pool3d(x, (1, 2, 2))
        x = F.relu(self.temporal(x))
        x = self.spatial(x)
        return self.classes(x.mean((2, 3, 4)))


def decoder(keras: Any) -> Any:
    layers = keras.layers
    x = code = layers.Input((6,))
    x = layers.Dense(2 * 3 * 6, name="unfold")(x)
    x = layers.BatchNormalization(name="unfold_bn")(x)
    x = layers.LeakyReLU(negative_slope=0.2, name="unfold_act")(x)
    x = layers.Reshape((2, 3, 6), name="reshape")(x)
    x = layers.Conv2DTranspose(5, 3, 2, "valid", use_bias=False, name="up1")(x)
    x = layers.BatchNormalization(name="up1_bn")(x)
    x = layers.LeakyReLU(negative_slope=0.2, name="up1_act")(x)
    x = layers.Conv2DTranspose(4, 3, name="up2")(x)
    return keras.Model(code, layers.Activation("tanh", name="image")(x))


class Decoder(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.unfold = nn.Linear(6, 2 * 3 * 6)
        self.unfold_bn = nn.BatchNorm1d(2 * 3 * 6, eps=1e-3)
        self.up1 = nn.ConvTranspose2d(6, 5, 3, 2, bias=False)
        self.up1_bn = nn.BatchNorm2d(5, eps=1e-3)
        self.up2 = nn.ConvTranspose2d(5, 4, 3)

    def forward(self, x: Tensor) -> Tensor:
        x = F.leaky_relu(self.unfold_bn(self.unfold(x)), 0.2)
        x = x.view(-1, 2, 3, 6).permute(0, 3, 1, 2)
        x = F.leaky_relu(self.up1_bn(self.up1(x)), 0.2)
        return torch.tanh(self.up2(x))


NETS = (
    Net("U-net", unet, (UNet,), (8, 12, 3)),
    Net("pyramid", pyramid, (Pyramid,), (8, 6, 3)),
    Net("ConvNeXt", convnext, (ConvNextBlock, ConvNext), (8, 12, 3)),
    Net("pools", pools, (Pools,), (9, 11, 3)),
    Net("volume", volume, (Volume,), (4, 7, 6, 3)),
    Net("decoder", decoder, (Decoder,), (6,)),
)
