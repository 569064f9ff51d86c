"""Layers that do nothing at inference."""

from typing import Any

from keras import layers
from torch import nn

from tests.verify.custom.pairs.pair import Make, Pair, Wrong


def pair(name: str, argument: Any, module: Make, shape: tuple[int, ...] = (6,)) -> Pair:
    return Pair(
        name,
        lambda x: getattr(layers, name)(argument, name="layer")(x),
        shape,
        {f"nn.{type(module()).__name__}": module},
        {"an activation": Wrong(nn.ReLU, "does not compute no activation")},
        channels_last=len(shape) == 1,
        trains=not isinstance(module(), nn.Identity),  # else the noise or penalty is missing there
    )


PAIRS = (
    pair("Dropout", 0.4, lambda: nn.Dropout(0.4)),
    pair("AlphaDropout", 0.4, lambda: nn.AlphaDropout(0.4)),
    pair("SpatialDropout1D", 0.4, lambda: nn.Dropout1d(0.4), (5, 3)),
    pair("SpatialDropout2D", 0.4, lambda: nn.Dropout2d(0.4), (4, 5, 3)),
    pair("SpatialDropout3D", 0.4, lambda: nn.Dropout3d(0.4), (2, 4, 5, 3)),
    pair("GaussianDropout", 0.4, nn.Identity),
    pair("GaussianNoise", 0.4, nn.Identity),
    pair("ActivityRegularization", 0.01, nn.Identity),
)
