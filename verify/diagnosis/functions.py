"""Functions that layers without weights may be taken for."""

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from verify.diagnosis.cause import same

Function = Callable[[Tensor], Tensor]
ERF, TANH = "GELU by erf", "GELU by tanh"
ACTIVATIONS: dict[str, Function] = {
    "no activation": lambda x: x,
    "ReLU": F.relu,
    "ReLU6": F.relu6,
    "SELU": F.selu,
    ERF: F.gelu,
    TANH: lambda x: F.gelu(x, approximate="tanh"),
    "swish": F.silu,
    "hard swish": F.hardswish,
    "mish": F.mish,
    "softplus": F.softplus,
    "softsign": F.softsign,
    "squareplus": lambda x: (x + (x * x + 4).sqrt()) / 2,
    "tanh": torch.tanh,
    "hard tanh": F.hardtanh,
    "tanh shrink": F.tanhshrink,
    "soft shrink": F.softshrink,
    "hard shrink": F.hardshrink,
    "exponential": torch.exp,
    "sigmoid": torch.sigmoid,
    "log sigmoid": F.logsigmoid,
    "hard sigmoid, of a sixth": F.hardsigmoid,
    "hard sigmoid, of a fifth": lambda x: (0.2 * x + 0.5).clamp(0, 1),
}


def over_axes(x: Tensor) -> Iterator[tuple[str, int, Function]]:
    """Softmax and its logarithm over each axis behind the batch; the last is -1."""
    for axis in (1, *range(2, x.ndim - 1), -1) if x.ndim > 2 else (-1,):
        yield "softmax", axis, partial(torch.softmax, dim=axis)
        yield "log softmax", axis, partial(torch.log_softmax, dim=axis)


def resizes(x: Tensor, size: tuple[int, ...]) -> Iterator[tuple[Mapping[str, Any], Tensor]]:
    """What torch makes of `x` `[N, C, ...]` at a size, by the arguments of `F.interpolate`."""
    linear = {1: "linear", 2: "bilinear", 3: "trilinear"}[len(size)]
    ways: list[dict[str, Any]] = [{"mode": mode} for mode in ("nearest", "nearest-exact", linear)]
    ways += [{"mode": linear, "align_corners": True}]
    if len(size) == 2:
        ways += [{"mode": "bicubic"}, {"mode": "bicubic", "align_corners": True}]
        ways += [{"mode": mode, "antialias": True} for mode in (linear, "bicubic")]
    for way in ways:
        yield way, F.interpolate(x, size, **way)


def computes(y: Tensor, other: Tensor) -> bool:
    """Are they the same but for rounding?"""
    return same(y.detach().numpy(), other.detach().numpy(), "float64")
