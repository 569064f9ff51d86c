"""Layers that merge several tensors: here what they read and what a dense layer makes of it."""

from collections.abc import Callable
from typing import Any

import torch
from keras import layers
from torch import Tensor, nn
from torch.nn import functional as F

from tests.verify.custom.pairs.pair import Pair, Wrong


class Merged(nn.Module):
    """A function of the input and of a dense layer's output, as a module of its own or in line."""

    def __init__(self, function: Callable[[Tensor, Tensor], Tensor], in_line: bool = False) -> None:
        super().__init__()
        self.dense = nn.Linear(4, 4)
        self.merge = Function(function)
        self.in_line = in_line

    def forward(self, x: Tensor) -> Tensor:
        y = self.dense(x)
        return self.merge.function(x, y) if self.in_line else self.merge(x, y)


class Function(nn.Module):
    """Of two tensors."""

    def __init__(self, function: Callable[[Tensor, Tensor], Tensor]) -> None:
        super().__init__()
        self.function = function

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        return self.function(x, y)


def merged(layer: Callable[[], Any]) -> Callable[[Any], Any]:
    return lambda x: layer()([x, layers.Dense(4, name="dense")(x)])


def pair(
    classes: str,
    layer: Callable[[], Any],
    text: str,
    right: Callable[[Tensor, Tensor], Tensor],
    **wrong: tuple[Callable[[Tensor, Tensor], Tensor], str | None],
) -> Pair:
    return Pair(
        classes,
        merged(layer),
        (5, 4),
        {
            text: lambda: Merged(right),
            f"{text} in line": lambda: Merged(right, in_line=True),
        },
        {
            name: Wrong(lambda function=function: Merged(function), cause)
            for name, (function, cause) in wrong.items()
        },
        channels_last=True,
    )


def _cosine(x: Tensor, y: Tensor) -> Tensor:
    return F.normalize(x, dim=-1) @ F.normalize(y, dim=-1).transpose(1, 2)


PAIRS = (
    pair(
        "Add",
        lambda: layers.Add(name="layer"),
        "+",
        torch.add,
        subtracted=(torch.sub, "does not compute the sum"),
        one=(lambda x, y: x, "does not compute the sum"),
    ),
    pair(
        "Subtract",
        lambda: layers.Subtract(name="layer"),
        "-",
        torch.sub,
        swapped=(lambda x, y: y - x, "arguments in the other order"),
        added=(torch.add, "does not compute the difference"),
    ),
    pair(
        "Multiply",
        lambda: layers.Multiply(name="layer"),
        "*",
        torch.mul,
        added=(torch.add, "does not compute the product"),
    ),
    pair(
        "Average",
        lambda: layers.Average(name="layer"),
        "a sum, halved",
        lambda x, y: (x + y) / 2,
        sum=(torch.add, "does not compute the average"),
    ),
    pair(
        "Maximum",
        lambda: layers.Maximum(name="layer"),
        "torch.maximum",
        torch.maximum,
        minimum=(torch.minimum, "does not compute the maximum"),
        sum=(torch.add, "does not compute the maximum"),
    ),
    pair(
        "Minimum",
        lambda: layers.Minimum(name="layer"),
        "torch.minimum",
        torch.minimum,
        maximum=(torch.maximum, "does not compute the minimum"),
    ),
    pair(
        "Concatenate",
        lambda: layers.Concatenate(name="layer"),
        "torch.cat",
        lambda x, y: torch.cat([x, y], -1),
        swapped=(lambda x, y: torch.cat([y, x], -1), "arguments in the other order"),
    ),
    pair(
        "Concatenate",
        lambda: layers.Concatenate(axis=1, name="layer"),
        "torch.cat",
        lambda x, y: torch.cat([x, y], 1),
        swapped=(lambda x, y: torch.cat([y, x], 1), "arguments in the other order"),
    ),
    pair(
        "Dot",
        lambda: layers.Dot(axes=2, name="layer"),
        "@",
        lambda x, y: x @ y.transpose(1, 2),
        cosine=(_cosine, None),
    ),
    pair(
        "Dot",
        lambda: layers.Dot(axes=2, normalize=True, name="layer"),
        "F.normalize, @",
        _cosine,
        plain=(lambda x, y: x @ y.transpose(1, 2), None),
    ),
)
