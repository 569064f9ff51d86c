"""Pools in one, two and three dimensions."""

from keras import layers
from torch import nn

from tests.verify.custom.pairs.pair import Pair, Wrong

PAIRS = (
    Pair(
        "MaxPooling2D",
        lambda x: layers.MaxPooling2D(2, name="layer")(x),
        (8, 7, 3),
        {"nn.MaxPool2d": lambda: nn.MaxPool2d(2)},
        {
            "average": Wrong(lambda: nn.AvgPool2d(2), "not the maximum"),
        },
    ),
)
