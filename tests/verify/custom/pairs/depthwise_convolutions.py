"""Depthwise and separable convolutions; the second is one layer in Keras and two modules here."""

from keras import layers
from torch import Tensor, nn

from tests.verify.custom.pairs.pair import Pair, Wrong


def separable(kind: type[nn.Module], kernel: int, depth: int = 1, **given: int) -> nn.Sequential:
    """Three channels to five."""
    depthwise = kind(3, 3 * depth, kernel, groups=3, bias=False, **given)
    return nn.Sequential(depthwise, kind(3 * depth, 5, 1))


class Separable(nn.Module):
    """Both, by name, with an activation behind them."""

    def __init__(self, act: nn.Module | None = None) -> None:
        super().__init__()
        self.depthwise = nn.Conv2d(3, 3, 3, padding=1, groups=3, bias=False)
        self.pointwise, self.act = nn.Conv2d(3, 5, 1), act

    def forward(self, x: Tensor) -> Tensor:
        y = self.pointwise(self.depthwise(x))
        return y if self.act is None else self.act(y)


PAIRS = (
    Pair(
        "DepthwiseConv1D",
        lambda x: layers.DepthwiseConv1D(3, padding="same", depth_multiplier=2, name="layer")(x),
        (9, 3),
        {"nn.Conv1d(groups=channels)": lambda: nn.Conv1d(3, 6, 3, padding=1, groups=3)},
        {
            "no padding": Wrong(lambda: nn.Conv1d(3, 6, 3, groups=3), "padding is not SAME"),
            "dilated": Wrong(
                lambda: nn.Conv1d(3, 6, 3, padding=2, dilation=2, groups=3),
                "dilation 2 instead of 1",
            ),
        },
    ),
    Pair(
        "DepthwiseConv2D",
        lambda x: layers.DepthwiseConv2D(3, strides=2, padding="same", name="layer")(x),
        (8, 7, 3),
        {
            "nn.ZeroPad2d, nn.Conv2d(groups=channels)": lambda: nn.Sequential(
                nn.ZeroPad2d((1, 1, 0, 1)), nn.Conv2d(3, 3, 3, 2, groups=3)
            ),
        },
        {
            "symmetric": Wrong(
                lambda: nn.Conv2d(3, 3, 3, 2, padding=1, groups=3), "padding is not SAME"
            ),
            "no groups": Wrong(lambda: nn.Conv2d(3, 3, 3, 2, padding=1), None),
        },
    ),
    Pair(
        "DepthwiseConv2D",
        lambda x: layers.DepthwiseConv2D(3, depth_multiplier=2, dilation_rate=2, name="layer")(x),
        (8, 7, 3),
        {
            "nn.Conv2d(groups=channels)": lambda: nn.Conv2d(3, 6, 3, groups=3, dilation=2),
        },
        {
            "no dilation": Wrong(lambda: nn.Conv2d(3, 6, 3, groups=3), "dilation 1 instead of 2"),
            "no bias": Wrong(lambda: nn.Conv2d(3, 6, 3, groups=3, dilation=2, bias=False), None),
        },
    ),
    Pair(
        "SeparableConv1D",
        lambda x: layers.SeparableConv1D(5, 3, padding="same", name="layer")(x),
        (8, 3),
        {"nn.Conv1d(groups=channels), nn.Conv1d": lambda: separable(nn.Conv1d, 3, padding=1)},
        {"no padding": Wrong(lambda: separable(nn.Conv1d, 3), "padding is not SAME")},
    ),
    Pair(
        "SeparableConv2D",
        lambda x: layers.SeparableConv2D(5, 3, padding="same", name="layer")(x),
        (8, 7, 3),
        {
            "nn.Conv2d(groups=channels), nn.Conv2d": lambda: separable(nn.Conv2d, 3, padding=1),
            "by name": Separable,
        },
        {
            "no padding": Wrong(lambda: separable(nn.Conv2d, 3), "padding is not SAME"),
            "dilated": Wrong(
                lambda: separable(nn.Conv2d, 3, padding=2, dilation=2), "dilation 2 instead of 1"
            ),
            "activated": Wrong(lambda: Separable(nn.ReLU()), None, "classes"),
        },
    ),
    Pair(
        "SeparableConv2D",
        lambda x: layers.SeparableConv2D(
            5, 3, strides=2, depth_multiplier=2, activation="relu", name="layer"
        )(x),
        (9, 7, 3),
        {
            "nn.Conv2d(groups=channels), nn.Conv2d, nn.ReLU": lambda: nn.Sequential(
                separable(nn.Conv2d, 3, 2, stride=2), nn.ReLU()
            ),
        },
        {
            "no activation": Wrong(
                lambda: separable(nn.Conv2d, 3, 2, stride=2), "through a ReLU", "classes"
            ),
            "other activation": Wrong(
                lambda: nn.Sequential(separable(nn.Conv2d, 3, 2, stride=2), nn.SiLU()),
                "does not compute ReLU",
            ),
        },
    ),
)
