"""Transposed convolutions; Keras' SAME often needs a crop that is no argument in torch."""

from keras import layers
from torch import Tensor, nn
from torch.nn import functional as F

from tests.verify.custom.pairs.pair import Pair, Wrong


class Cropped(nn.Module):
    """A transposed convolution without the last numbers along each axis."""

    def __init__(self, conv: nn.Module, dims: int, number: int = 1) -> None:
        super().__init__()
        self.conv, self.dims, self.number = conv, dims, number

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(x)[(..., *[slice(None, -self.number)] * self.dims)]


PAIRS = (
    Pair(
        "Conv1DTranspose",
        lambda x: layers.Conv1DTranspose(4, 3, strides=2, padding="same", name="layer")(x),
        (6, 3),
        {
            "nn.ConvTranspose1d, a slice": lambda: Cropped(nn.ConvTranspose1d(3, 4, 3, 2), 1),
            "nn.ConvTranspose1d, nn.ZeroPad1d": lambda: nn.Sequential(
                nn.ConvTranspose1d(3, 4, 3, 2), nn.ZeroPad1d((0, -1))
            ),
        },
        {
            "cropped in front": Wrong(
                lambda: nn.ConvTranspose1d(3, 4, 3, 2, padding=1, output_padding=1),
                "crops 1 in front and 0 behind instead of 0 and 1",
            ),
        },
    ),
    Pair(
        "Conv1DTranspose",
        lambda x: layers.Conv1DTranspose(4, 4, strides=3, name="layer")(x),
        (6, 3),
        {"nn.ConvTranspose1d": lambda: nn.ConvTranspose1d(3, 4, 4, 3)},
        {"stride": Wrong(lambda: nn.ConvTranspose1d(3, 4, 4, 2), "stride 2 instead of 3")},
    ),
    Pair(
        "Conv2DTranspose",
        lambda x: layers.Conv2DTranspose(4, 3, strides=2, padding="same", name="layer")(x),
        (5, 6, 3),
        {
            "nn.ConvTranspose2d, a slice": lambda: Cropped(nn.ConvTranspose2d(3, 4, 3, 2), 2),
            "nn.ConvTranspose2d, nn.ZeroPad2d": lambda: nn.Sequential(
                nn.ConvTranspose2d(3, 4, 3, 2), nn.ZeroPad2d((0, -1, 0, -1))
            ),
        },
        {
            "cropped in front": Wrong(
                lambda: nn.ConvTranspose2d(3, 4, 3, 2, padding=1, output_padding=1),
                "crops 1 in front and 0 behind instead of 0 and 1",
            ),
            "not cropped": Wrong(
                lambda: nn.ConvTranspose2d(3, 4, 3, 2), "crops 0 in front and 0 behind"
            ),
        },
    ),
    Pair(
        "Conv2DTranspose",
        lambda x: layers.Conv2DTranspose(4, 4, strides=2, padding="same", name="layer")(x),
        (5, 6, 3),
        {"nn.ConvTranspose2d": lambda: nn.ConvTranspose2d(3, 4, 4, 2, padding=1)},
        {
            "not cropped": Wrong(
                lambda: nn.ConvTranspose2d(3, 4, 4, 2), "crops 0 in front and 0 behind"
            ),
            "other side": Wrong(
                lambda: Cropped(nn.ConvTranspose2d(3, 4, 4, 2), 2, 2),
                "instead of 1 and 1",
            ),
            "flipped": Wrong(
                lambda: Flipped(nn.ConvTranspose2d(3, 4, 4, 2, padding=1)),
                "kernel flipped",
            ),
        },
    ),
    Pair(
        "Conv2DTranspose",
        lambda x: layers.Conv2DTranspose(
            4, 3, strides=2, padding="valid", output_padding=1, activation="relu", name="layer"
        )(x),
        (5, 6, 3),
        {
            "nn.ConvTranspose2d, nn.ReLU": lambda: nn.Sequential(
                nn.ConvTranspose2d(3, 4, 3, 2, output_padding=1), nn.ReLU()
            ),
        },
        {
            "no output padding": Wrong(
                lambda: nn.Sequential(nn.ConvTranspose2d(3, 4, 3, 2), nn.ReLU()),
                "output_padding 0 instead of 1",
            ),
        },
    ),
    Pair(
        "Conv3DTranspose",
        lambda x: layers.Conv3DTranspose(4, 3, strides=2, padding="same", name="layer")(x),
        (3, 4, 5, 3),
        {"nn.ConvTranspose3d, a slice": lambda: Cropped(nn.ConvTranspose3d(3, 4, 3, 2), 3)},
        {
            "cropped in front": Wrong(
                lambda: nn.ConvTranspose3d(3, 4, 3, 2, padding=1, output_padding=1),
                "crops 1 in front and 0 behind instead of 0 and 1",
            ),
        },
    ),
    Pair(
        "Conv3DTranspose",
        lambda x: layers.Conv3DTranspose(4, 2, strides=(1, 2, 2), name="layer")(x),
        (3, 4, 5, 3),
        {"nn.ConvTranspose3d": lambda: nn.ConvTranspose3d(3, 4, 2, (1, 2, 2))},
        {
            "stride": Wrong(lambda: nn.ConvTranspose3d(3, 4, 2, 2), "stride 2 instead of 1, 2, 2"),
        },
    ),
)


class Flipped(nn.Module):
    """A transposed convolution whose kernel is turned around."""

    def __init__(self, conv: nn.ConvTranspose2d) -> None:
        super().__init__()
        self.weight, self.bias = conv.weight, conv.bias

    def forward(self, x: Tensor) -> Tensor:
        return F.conv_transpose2d(x, self.weight.flip(2, 3), self.bias, 2, 1)
