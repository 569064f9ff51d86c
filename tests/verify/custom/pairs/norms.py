"""Normalizations."""

from typing import Any

import torch
from keras import layers
from torch import Tensor, nn
from torch.nn import functional as F

from tests.verify.custom.pairs.pair import Pair, Wrong


class ChannelsLast(nn.Module):
    """A module that works on the last axis, in a net whose channels come first."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, x: Tensor) -> Tensor:
        return self.inner(x.movedim(1, -1)).movedim(-1, 1)


class Float32Norm(nn.Module):
    """As transformers writes it: it computes in float32, whatever it is fed."""

    def __init__(self, channels: int, eps: float) -> None:
        super().__init__()
        self.weight, self.eps = nn.Parameter(torch.ones(channels)), eps

    def forward(self, x: Tensor) -> Tensor:
        y = x.to(torch.float32)
        y = y * torch.rsqrt(y.pow(2).mean(-1, keepdim=True) + self.eps)
        return self.weight * y.to(x.dtype)


class Unit(nn.Module):
    """Vectors of length one."""

    def __init__(self, dim: int, p: float = 2.0) -> None:
        super().__init__()
        self.dim, self.p = dim, p

    def forward(self, x: Tensor) -> Tensor:
        return F.normalize(x, self.p, self.dim, eps=1e-6)


def batch_norm(dims: int, **given: Any) -> nn.Module:
    """As Keras has it."""
    return getattr(nn, f"BatchNorm{dims}d")(3, **{"eps": 1e-3, "momentum": 0.01, **given})


PAIRS = (
    Pair(
        "BatchNormalization",
        lambda x: layers.BatchNormalization(name="layer")(x),
        (4, 5, 3),
        {"nn.BatchNorm2d": lambda: batch_norm(2)},
        {
            "epsilon": Wrong(lambda: batch_norm(2, eps=1e-5), "epsilon 1e-05 instead of 0.001"),
            "of the batch": Wrong(lambda: batch_norm(2, track_running_stats=False), None),
        },
        trains=False,
    ),
    Pair(
        "BatchNormalization",
        lambda x: layers.BatchNormalization(scale=False, name="layer")(x),
        (5, 3),
        {"nn.BatchNorm1d, without gamma": lambda: batch_norm(1)},
        {"epsilon": Wrong(lambda: batch_norm(1, eps=1e-5), "epsilon 1e-05 instead of 0.001")},
        trains=False,
        given={"port_only": ["layer.weight"]},
    ),
    Pair(
        "BatchNormalization",
        lambda x: layers.BatchNormalization(center=False, scale=False, name="layer")(x),
        (2, 4, 5, 3),
        {"nn.BatchNorm3d(affine=False)": lambda: batch_norm(3, affine=False)},
        {
            "epsilon": Wrong(
                lambda: batch_norm(3, affine=False, eps=1e-5), "epsilon 1e-05 instead of 0.001"
            )
        },
        trains=False,
    ),
    Pair(
        "BatchNormalization",
        lambda x: layers.BatchNormalization(axis=1, name="layer")(x),
        (3, 3),
        {"nn.BatchNorm1d": lambda: batch_norm(1)},
        {"other axis": Wrong(lambda: ChannelsLast(batch_norm(1)), "the wrong axis")},
        channels_last=True,
        trains=False,
    ),
    Pair(
        "LayerNormalization",
        lambda x: layers.LayerNormalization(name="layer")(x),
        (6, 6),
        {"nn.LayerNorm": lambda: nn.LayerNorm(6, eps=1e-3)},
        {
            "epsilon": Wrong(lambda: nn.LayerNorm(6), "epsilon 1e-05 instead of 0.001"),
            "other axis": Wrong(lambda: ChannelsLast(nn.LayerNorm(6, eps=1e-3)), "the wrong axis"),
            "root mean square": Wrong(lambda: RmsWithBias(6), "the mean is not subtracted"),
        },
        channels_last=True,
    ),
    Pair(
        "LayerNormalization",
        lambda x: layers.LayerNormalization(name="layer")(x),
        (4, 5, 3),
        {
            "nn.LayerNorm, channels last": lambda: ChannelsLast(nn.LayerNorm(3, eps=1e-3)),
            "nn.LayerNorm, movedim around it": lambda: ChannelsLast(nn.LayerNorm(3, eps=1e-3)),
        },
        {
            "one group": Wrong(lambda: nn.GroupNorm(1, 3, eps=1e-3), "over axes 1, 2, 3"),
        },
    ),
    Pair(
        "LayerNormalization",
        lambda x: layers.LayerNormalization(center=False, epsilon=1e-5, name="layer")(x),
        (5, 6),
        {"nn.LayerNorm(bias=False)": lambda: nn.LayerNorm(6, bias=False)},
        {
            "epsilon": Wrong(
                lambda: nn.LayerNorm(6, bias=False, eps=1e-6), "epsilon 1e-06 instead of 1e-05"
            )
        },
        channels_last=True,
    ),
    Pair(
        "GroupNormalization",
        lambda x: layers.GroupNormalization(2, name="layer")(x),
        (4, 5, 6),
        {"nn.GroupNorm": lambda: nn.GroupNorm(2, 6, eps=1e-3)},
        {
            "epsilon": Wrong(lambda: nn.GroupNorm(2, 6), "epsilon 1e-05 instead of 0.001"),
            "groups": Wrong(lambda: nn.GroupNorm(3, 6, eps=1e-3), "3 groups instead of 2"),
        },
    ),
    Pair(
        "RMSNormalization",
        lambda x: layers.RMSNormalization(name="layer")(x),
        (6, 6),
        {
            "nn.RMSNorm": lambda: nn.RMSNorm(6, eps=1e-6),
            "in float32": lambda: Float32Norm(6, 1e-6),
        },
        {
            "no epsilon": Wrong(lambda: nn.RMSNorm(6), "epsilon None instead of 1e-06"),
            "epsilon": Wrong(lambda: nn.RMSNorm(6, eps=1e-3), "epsilon 0.001 instead of 1e-06"),
            "other axis": Wrong(lambda: ChannelsLast(nn.RMSNorm(6, eps=1e-6)), "the wrong axis"),
            "in float32, epsilon": Wrong(
                lambda: Float32Norm(6, 1e-2), "epsilon 0.01 instead of 1e-06"
            ),
        },
        channels_last=True,
    ),
    Pair(
        "UnitNormalization",
        lambda x: layers.UnitNormalization(name="layer")(x),
        (4, 5, 6),
        {"F.normalize": lambda: Unit(1)},
        {
            "other axis": Wrong(lambda: Unit(-1), "the wrong axis"),
            "length by one": Wrong(lambda: Unit(1, 1.0), None),
        },
    ),
    Pair(
        "SpectralNormalization",
        lambda x: layers.SpectralNormalization(layers.Dense(5, name="dense"), name="layer")(x),
        (6,),
        {"nn.Linear": lambda: nn.Linear(6, 5)},
        {"no bias": Wrong(lambda: nn.Linear(6, 5, bias=False), None)},
        channels_last=True,
        trains=False,
        given={"without": ["layer/vector_u"]},
    ),
)


class RmsWithBias(nn.Module):
    """A layer norm that forgets the mean."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias, self.eps = nn.Parameter(torch.zeros(channels)), 1e-3

    def forward(self, x: Tensor) -> Tensor:
        return F.rms_norm(x, (x.shape[-1],), self.weight, self.eps) + self.bias
