"""Layers that move numbers around: crops, pads, other orders and shapes."""

from collections.abc import Callable
from typing import Any

from keras import layers
from torch import Tensor, nn

from tests.verify.custom.pairs.pair import Pair, Wrong


class Function(nn.Module):
    """A function of the input."""

    def __init__(self, function: Callable[..., Tensor], *args: Any) -> None:
        super().__init__()
        self.function, self.args = function, args

    def forward(self, x: Tensor) -> Tensor:
        return self.function(x, *self.args)


def crop1d(x: Tensor, front: int, behind: int) -> Tensor:
    return x[:, :, front : x.shape[2] - behind]


def flat_last(x: Tensor) -> Tensor:
    return x.movedim(1, -1).flatten(1)


PAIRS = (
    Pair(
        "Cropping1D",
        lambda x: layers.Cropping1D((1, 2), name="layer")(x),
        (8, 3),
        {
            "nn.ZeroPad1d": lambda: nn.ZeroPad1d((-1, -2)),
            "a slice": lambda: Function(crop1d, 1, 2),
        },
        {"other side": Wrong(lambda: nn.ZeroPad1d((-2, -1)), "shifted by")},
    ),
    Pair(
        "Cropping2D",
        lambda x: layers.Cropping2D(((1, 0), (2, 1)), name="layer")(x),
        (7, 8, 3),
        {"nn.ZeroPad2d": lambda: nn.ZeroPad2d((-2, -1, -1, 0))},
        {"other side": Wrong(lambda: nn.ZeroPad2d((-1, -2, -1, 0)), "shifted by")},
    ),
    Pair(
        "Cropping3D",
        lambda x: layers.Cropping3D(((1, 0), (2, 1), (0, 1)), name="layer")(x),
        (4, 7, 8, 3),
        {"nn.ZeroPad3d": lambda: nn.ZeroPad3d((0, -1, -2, -1, -1, 0))},
        {"time": Wrong(lambda: nn.ZeroPad3d((0, -1, -2, -1, 0, -1)), "shifted by")},
    ),
    Pair(
        "ZeroPadding1D",
        lambda x: layers.ZeroPadding1D((1, 2), name="layer")(x),
        (8, 3),
        {"nn.ZeroPad1d": lambda: nn.ZeroPad1d((1, 2))},
        {
            "other side": Wrong(lambda: nn.ZeroPad1d((2, 1)), "shifted by"),
            "reflected": Wrong(lambda: nn.ReflectionPad1d((1, 2)), "pads not with zeros"),
        },
    ),
    Pair(
        "ZeroPadding2D",
        lambda x: layers.ZeroPadding2D(((1, 0), (2, 1)), name="layer")(x),
        (7, 8, 3),
        {"nn.ZeroPad2d": lambda: nn.ZeroPad2d((2, 1, 1, 0))},
        {
            "other side": Wrong(lambda: nn.ZeroPad2d((1, 2, 1, 0)), "shifted by"),
            "replicated": Wrong(lambda: nn.ReplicationPad2d((2, 1, 1, 0)), "pads not with zeros"),
            "axes swapped": Wrong(lambda: nn.ZeroPad2d((1, 0, 2, 1)), None, "classes"),
        },
    ),
    Pair(
        "ZeroPadding3D",
        lambda x: layers.ZeroPadding3D(((1, 0), (2, 1), (0, 1)), name="layer")(x),
        (4, 5, 6, 3),
        {"nn.ZeroPad3d": lambda: nn.ZeroPad3d((0, 1, 2, 1, 1, 0))},
        {"time": Wrong(lambda: nn.ZeroPad3d((0, 1, 2, 1, 0, 1)), "shifted by")},
    ),
    Pair(
        "Permute",
        lambda x: layers.Permute((2, 1, 3), name="layer")(x),
        (5, 6, 3),
        {"transpose": lambda: Function(Tensor.transpose, 2, 3)},
        {"not transposed": Wrong(lambda: Function(lambda x: x.reshape(2, 3, 6, 5)), None)},
    ),
    Pair(
        "Reshape",
        lambda x: layers.Reshape((10, 6), name="layer")(x),
        (4, 5, 3),
        {
            "movedim, reshape": lambda: Function(
                lambda x: x.movedim(1, -1).reshape(-1, 10, 6).movedim(-1, 1)
            ),
        },
        {"channels first": Wrong(lambda: Function(lambda x: x.reshape(-1, 6, 10)), None)},
    ),
    Pair(
        "Flatten",
        lambda x: layers.Flatten(name="layer")(x),
        (4, 5, 3),
        {"movedim, flatten": lambda: Function(flat_last)},
        {
            "another dimension": Wrong(
                lambda: Function(lambda x: x.transpose(1, 3).flatten(1)), None
            )
        },
    ),
    Pair(
        "RepeatVector",
        lambda x: layers.RepeatVector(3, name="layer")(x),
        (6,),
        {"expand": lambda: Function(lambda x: x[:, None].expand(-1, 3, -1))},
        {"more": Wrong(lambda: Function(lambda x: x[:, None].expand(-1, 4, -1)), None)},
        channels_last=True,
    ),
    Pair(
        "Identity",
        lambda x: layers.Identity(name="layer")(x),
        (6,),
        {"nn.Identity": nn.Identity},
        {"an activation": Wrong(nn.ReLU, "does not compute no activation")},
        channels_last=True,
    ),
)
