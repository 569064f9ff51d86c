"""Convolutions: every padding, strides, dilation, groups."""

from keras import layers
from torch import Tensor, nn
from torch.nn import functional as F

from tests.verify.custom.pairs.pair import Pair, Wrong


class PaddedInFront(nn.Module):
    """A convolution behind `F.pad`, which no module does."""

    def __init__(self, conv: nn.Module, pads: tuple[int, ...]) -> None:
        super().__init__()
        self.conv, self.pads = conv, pads

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(F.pad(x, self.pads))


class Activated(nn.Module):
    """A convolution and a function of what it computes."""

    def __init__(self, conv: nn.Module, act: nn.Module) -> None:
        super().__init__()
        self.conv, self.act = conv, act

    def forward(self, x: Tensor) -> Tensor:
        return self.act(self.conv(x))


PAIRS = (
    Pair(
        "Conv1D",
        lambda x: layers.Conv1D(6, 3, strides=2, padding="same", name="layer")(x),
        (10, 3),
        {
            "nn.ZeroPad1d, nn.Conv1d": lambda: nn.Sequential(
                nn.ZeroPad1d((0, 1)), nn.Conv1d(3, 6, 3, 2)
            ),
            "F.pad, nn.Conv1d": lambda: PaddedInFront(nn.Conv1d(3, 6, 3, 2), (0, 1)),
        },
        {
            "symmetric": Wrong(lambda: nn.Conv1d(3, 6, 3, 2, padding=1), "padding is not SAME"),
            "padded in front": Wrong(
                lambda: PaddedInFront(nn.Conv1d(3, 6, 3, 2), (1, 0)), "is not SAME"
            ),
            "stride 1": Wrong(lambda: nn.Conv1d(3, 6, 3, 1, padding=1), "stride 1 instead of 2"),
            "no padding": Wrong(lambda: nn.Conv1d(3, 6, 3, 2), "padding is not SAME"),
        },
    ),
    Pair(
        "Conv1D",
        lambda x: layers.Conv1D(4, 3, dilation_rate=2, padding="causal", name="layer")(x),
        (10, 3),
        {
            "F.pad, nn.Conv1d": lambda: PaddedInFront(nn.Conv1d(3, 4, 3, dilation=2), (4, 0)),
            "nn.ConstantPad1d, nn.Conv1d": lambda: nn.Sequential(
                nn.ConstantPad1d((4, 0), 0.0), nn.Conv1d(3, 4, 3, dilation=2)
            ),
        },
        {
            "not causal": Wrong(
                lambda: nn.Conv1d(3, 4, 3, dilation=2, padding="same"), "padding is not causal"
            ),
            "no dilation": Wrong(
                lambda: PaddedInFront(nn.Conv1d(3, 4, 3), (2, 0)), "dilation 1 instead of 2"
            ),
        },
    ),
    Pair(
        "Conv2D",
        lambda x: layers.Conv2D(4, 3, strides=2, padding="same", name="layer")(x),
        (8, 7, 3),
        {
            "nn.ZeroPad2d, nn.Conv2d": lambda: nn.Sequential(
                nn.ZeroPad2d((1, 1, 0, 1)), nn.Conv2d(3, 4, 3, 2)
            ),
            "F.pad, nn.Conv2d": lambda: PaddedInFront(nn.Conv2d(3, 4, 3, 2), (1, 1, 0, 1)),
        },
        {
            "symmetric": Wrong(lambda: nn.Conv2d(3, 4, 3, 2, padding=1), "padding is not SAME"),
            "stride 1": Wrong(lambda: nn.Conv2d(3, 4, 3, 1, padding=1), "stride 1 instead of 2"),
            "no bias": Wrong(
                lambda: nn.Sequential(
                    nn.ZeroPad2d((1, 1, 0, 1)), nn.Conv2d(3, 4, 3, 2, bias=False)
                ),
                None,
            ),
            "padded in front": Wrong(
                lambda: PaddedInFront(nn.Conv2d(3, 4, 3, 2), (1, 1, 1, 0)), "is not SAME"
            ),
        },
    ),
    Pair(
        "Conv2D",
        lambda x: layers.Conv2D(4, (3, 2), activation="relu", name="layer")(x),
        (8, 7, 3),
        {
            "nn.Conv2d, nn.ReLU": lambda: nn.Sequential(nn.Conv2d(3, 4, (3, 2)), nn.ReLU()),
            "nn.Conv2d, nn.ReLU in one module": lambda: Activated(
                nn.Conv2d(3, 4, (3, 2)), nn.ReLU()
            ),
        },
        {
            "GELU": Wrong(
                lambda: nn.Sequential(nn.Conv2d(3, 4, (3, 2)), nn.GELU()), "does not compute ReLU"
            ),
            "no activation": Wrong(lambda: nn.Conv2d(3, 4, (3, 2)), "through a ReLU", "classes"),
            "padded": Wrong(
                lambda: nn.Sequential(nn.Conv2d(3, 4, (3, 2), padding="same"), nn.ReLU()),
                "padding is not VALID",
            ),
        },
    ),
    Pair(
        "Conv2D",
        lambda x: layers.Conv2D(4, 3, dilation_rate=2, padding="same", name="layer")(x),
        (8, 7, 3),
        {
            'nn.Conv2d(padding="same")': lambda: nn.Conv2d(3, 4, 3, dilation=2, padding="same"),
            "nn.Conv2d": lambda: nn.Conv2d(3, 4, 3, dilation=2, padding=2),
        },
        {
            "no dilation": Wrong(lambda: nn.Conv2d(3, 4, 3, padding=1), "dilation 1 instead of 2"),
            "more dilation": Wrong(
                lambda: nn.Conv2d(3, 4, 3, dilation=3, padding=3), "dilation 3 instead of 2"
            ),
            "reflected": Wrong(
                lambda: nn.Conv2d(3, 4, 3, dilation=2, padding=2, padding_mode="reflect"),
                "padding is reflect, not zeros",
            ),
        },
    ),
    Pair(
        "Conv2D",
        lambda x: layers.Conv2D(6, 3, groups=2, padding="same", use_bias=False, name="layer")(x),
        (8, 7, 4),
        {"nn.Conv2d(groups=2)": lambda: nn.Conv2d(4, 6, 3, padding=1, groups=2, bias=False)},
        {
            "no groups": Wrong(lambda: nn.Conv2d(4, 6, 3, padding=1, bias=False), None),
            "channels shuffled": Wrong(
                lambda: nn.Sequential(
                    nn.ChannelShuffle(2), nn.Conv2d(4, 6, 3, padding=1, groups=2, bias=False)
                ),
                "channels of the groups are interleaved",
            ),
        },
    ),
    Pair(
        "Conv3D",
        lambda x: layers.Conv3D(4, 3, strides=2, padding="same", name="layer")(x),
        (4, 6, 5, 3),
        {
            "nn.ZeroPad3d, nn.Conv3d": lambda: nn.Sequential(
                nn.ZeroPad3d((1, 1, 0, 1, 0, 1)), nn.Conv3d(3, 4, 3, 2)
            ),
        },
        {
            "symmetric": Wrong(lambda: nn.Conv3d(3, 4, 3, 2, padding=1), "padding is not SAME"),
            "stride 1 in time": Wrong(
                lambda: nn.Conv3d(3, 4, 3, (1, 2, 2), padding=1), "stride 1, 2, 2 instead of 2"
            ),
            "no padding": Wrong(lambda: nn.Conv3d(3, 4, 3, 2), "padding is not SAME"),
        },
    ),
    Pair(
        "Conv3D",
        lambda x: layers.Conv3D(4, (2, 3, 3), dilation_rate=(1, 2, 2), name="layer")(x),
        (4, 6, 7, 3),
        {"nn.Conv3d": lambda: nn.Conv3d(3, 4, (2, 3, 3), dilation=(1, 2, 2))},
        {
            "no dilation": Wrong(
                lambda: nn.Conv3d(3, 4, (2, 3, 3)), "dilation 1 instead of 1, 2, 2"
            ),
            "time reversed": Wrong(
                lambda: FlippedTime(nn.Conv3d(3, 4, (2, 3, 3), dilation=(1, 2, 2))),
                "kernel flipped",
            ),
        },
    ),
)


class FlippedTime(nn.Module):
    """A convolution whose kernel is turned around in time."""

    def __init__(self, conv: nn.Conv3d) -> None:
        super().__init__()
        self.weight, self.bias = conv.weight, conv.bias

    def forward(self, x: Tensor) -> Tensor:
        return F.conv3d(x, self.weight.flip(2), self.bias, dilation=(1, 2, 2))
