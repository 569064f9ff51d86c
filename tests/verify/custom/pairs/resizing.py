"""Layers that change how many pixels there are, without weights."""

from collections.abc import Callable
from typing import Any

from keras import layers
from torch import Tensor, nn
from torch.nn import functional as F

from tests.verify.custom.pairs.pair import Pair, Wrong


class Resize(nn.Module):
    """`F.interpolate` to a size, of a part of the image."""

    def __init__(
        self, size: tuple[int, int], crop: tuple[int, int, int, int] | None = None, **given: Any
    ) -> None:
        super().__init__()
        self.size, self.crop, self.given = size, crop, given

    def forward(self, x: Tensor) -> Tensor:
        if self.crop is not None:
            top, bottom, left, right = self.crop
            x = x[:, :, top:bottom, left:right]
        return F.interpolate(x, self.size, **self.given)


def resize(size: tuple[int, int], mode: str, **given: Any) -> Callable[[], nn.Module]:
    return lambda: Resize(size, mode=mode, **given)


PAIRS = (
    Pair(
        "UpSampling1D",
        lambda x: layers.UpSampling1D(2, name="layer")(x),
        (5, 3),
        {"nn.Upsample": lambda: nn.Upsample(scale_factor=2)},
        {
            "linear": Wrong(
                lambda: nn.Upsample(scale_factor=2, mode="linear"), "mode is linear, not nearest"
            ),
            "thrice": Wrong(lambda: nn.Upsample(scale_factor=3), "scale 3 instead of 2"),
        },
    ),
    Pair(
        "UpSampling2D",
        lambda x: layers.UpSampling2D(2, name="layer")(x),
        (5, 6, 3),
        {"nn.Upsample": lambda: nn.Upsample(scale_factor=2)},
        {
            "bilinear": Wrong(
                lambda: nn.Upsample(scale_factor=2, mode="bilinear"),
                "mode is bilinear, not nearest",
            ),
            "thrice": Wrong(lambda: nn.Upsample(scale_factor=3), "scale 3 instead of 2"),
        },
    ),
    Pair(
        "UpSampling2D",
        lambda x: layers.UpSampling2D(2, interpolation="bilinear", name="layer")(x),
        (5, 6, 3),
        {"nn.Upsample": lambda: nn.Upsample(scale_factor=2, mode="bilinear")},
        {
            "nearest": Wrong(lambda: nn.Upsample(scale_factor=2), "mode is nearest, not bilinear"),
            "corners": Wrong(
                lambda: nn.Upsample(scale_factor=2, mode="bilinear", align_corners=True),
                "align_corners is True",
            ),
            "bicubic": Wrong(
                lambda: nn.Upsample(scale_factor=2, mode="bicubic"),
                "mode is bicubic, not bilinear",
            ),
        },
    ),
    Pair(
        "UpSampling2D",
        lambda x: layers.UpSampling2D(2, interpolation="bicubic", name="layer")(x),
        (5, 6, 3),
        {
            'F.interpolate(mode="bicubic", antialias=True)': resize(
                (10, 12), "bicubic", antialias=True
            ),
        },
        {
            "nearest": Wrong(lambda: nn.Upsample(scale_factor=2), "mode is nearest, not bicubic"),
            "another cubic": Wrong(
                lambda: nn.Upsample(scale_factor=2, mode="bicubic"),
                "antialias is False, not True",
            ),
        },
    ),
    Pair(
        "UpSampling3D",
        lambda x: layers.UpSampling3D(2, name="layer")(x),
        (3, 4, 5, 3),
        {"nn.Upsample": lambda: nn.Upsample(scale_factor=2)},
        {
            "trilinear": Wrong(
                lambda: nn.Upsample(scale_factor=2, mode="trilinear"),
                "mode is trilinear, not nearest",
            ),
        },
    ),
    Pair(
        "Resizing",
        lambda x: layers.Resizing(7, 9, name="layer")(x),
        (5, 6, 3),
        {"F.interpolate": resize((7, 9), "bilinear")},
        {
            "nearest": Wrong(resize((7, 9), "nearest"), "mode is nearest, not bilinear"),
            "corners": Wrong(
                resize((7, 9), "bilinear", align_corners=True), "align_corners is True"
            ),
            "other size": Wrong(resize((9, 7), "bilinear"), None),
        },
    ),
    Pair(
        "Resizing",
        lambda x: layers.Resizing(3, 4, name="layer")(x),
        (7, 9, 3),
        {"F.interpolate": resize((3, 4), "bilinear")},
        {
            "antialias": Wrong(
                resize((3, 4), "bilinear", antialias=True), "antialias is True, not False"
            ),
            "corners": Wrong(
                resize((3, 4), "bilinear", align_corners=True), "align_corners is True"
            ),
        },
    ),
    Pair(
        "Resizing",
        lambda x: layers.Resizing(3, 4, antialias=True, name="layer")(x),
        (7, 9, 3),
        {"F.interpolate(antialias=True)": resize((3, 4), "bilinear", antialias=True)},
        {
            "no antialias": Wrong(resize((3, 4), "bilinear"), "antialias is False, not True"),
            "bicubic": Wrong(
                resize((3, 4), "bicubic", antialias=True), "mode is bicubic, not bilinear"
            ),
        },
    ),
    Pair(
        "Resizing",
        lambda x: layers.Resizing(7, 9, interpolation="nearest", name="layer")(x),
        (5, 6, 3),
        {'F.interpolate(mode="nearest-exact")': resize((7, 9), "nearest-exact")},
        {
            "no half pixels": Wrong(
                resize((7, 9), "nearest"), "mode is nearest, not nearest-exact (half pixels)"
            ),
            "bilinear": Wrong(
                resize((7, 9), "bilinear"), "mode is bilinear, not nearest-exact (half pixels)"
            ),
        },
    ),
    Pair(
        "Resizing",
        lambda x: layers.Resizing(4, 4, crop_to_aspect_ratio=True, name="layer")(x),
        (5, 9, 3),
        {"a slice, F.interpolate": resize((4, 4), "bilinear", crop=(0, 5, 2, 7))},
        {
            "not cropped": Wrong(resize((4, 4), "bilinear"), None),
            "cropped elsewhere": Wrong(resize((4, 4), "bilinear", crop=(0, 5, 1, 6)), None),
        },
    ),
    Pair(
        "CenterCrop",
        lambda x: layers.CenterCrop(4, 5, name="layer")(x),
        (7, 8, 3),
        {"nn.ZeroPad2d": lambda: nn.ZeroPad2d((-1, -2, -1, -2))},
        {"elsewhere": Wrong(lambda: nn.ZeroPad2d((-2, -1, -1, -2)), "shifted by")},
    ),
)
