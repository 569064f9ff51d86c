"""Repairs of layers without weights: another function, axis or mode; inputs exchanged."""

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from itertools import combinations
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from verify.diagnosis.cause import Repair
from verify.diagnosis.fault import Plant, behaves, with_values
from verify.diagnosis.functions import (
    ACTIVATIONS,
    ERF,
    TANH,
    Function,
    computes,
    over_axes,
    resizes,
)

BOTH_GELUS = frozenset((ERF, TANH))
MERGES: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "sum": torch.add,
    "difference": torch.sub,
    "product": torch.mul,
    "average": lambda x, y: (x + y) / 2,
    "maximum": torch.maximum,
    "minimum": torch.minimum,
}


def function_repairs(module: nn.Module, x: Tensor, y: Tensor | None) -> Iterator[Repair]:
    """Of a module that reads `x` and computes `y` now."""
    kind = type(module).__name__
    own = None if y is None or y.shape != x.shape else _own_activation(x, y)
    for name, function in ACTIVATIONS.items():
        what = f"{kind} does not compute {name}"
        if own is not None and {own, name} == BOTH_GELUS:
            what = f"{own} instead of {name.removeprefix('GELU by ')}"
        yield Repair(what, _computing(function))
    yield from _softmaxes(kind, x, y)
    if x.ndim in (3, 4, 5) and y is not None and y.ndim == x.ndim:
        yield from _resizes(module, x, y)
        yield from _elsewhere(module, x)
    if x.ndim > 2 and y is not None:
        yield from _reductions(x, y)


def _own_activation(x: Tensor, y: Tensor) -> str | None:
    return next((name for name, f in ACTIVATIONS.items() if computes(f(x), y)), None)


def _softmaxes(kind: str, x: Tensor, y: Tensor | None) -> Iterator[Repair]:
    ways = list(over_axes(x))
    own = next(((n, a) for n, a, f in ways if y is not None and computes(f(x), y)), None)
    for name, axis, function in ways:
        what = f"{kind} does not compute {name} over axis {axis}"
        if own is not None and own[0] == name:
            what = f"softmax over axis {own[1]} instead of {axis}"
        if own != (name, axis):
            yield Repair(what, _computing(function))


def _resizes(module: nn.Module, x: Tensor, y: Tensor) -> Iterator[Repair]:
    """Other ways to resize, if that is what the module does."""
    size = tuple(y.shape[2:])
    own = next((way for way, resized in resizes(x, size) if computes(resized, y)), None)
    if own is not None and y.shape[2:] != x.shape[2:]:
        for way, _ in resizes(x, size):
            if way != own:
                resize = partial(F.interpolate, size=size, **way)
                yield Repair(_other_way(own, way), _computing(resize))
    scale = getattr(module, "scale_factor", None)
    if isinstance(module, nn.Upsample) and isinstance(scale, float):
        for other in (2.0, 3.0, 4.0, 8.0, 0.5):
            if other != scale:
                plant = with_values(scale_factor=_constant(other))
                yield Repair(f"scale {scale:g} instead of {other:g}", plant)


def _other_way(own: Mapping[str, Any], right: Mapping[str, Any]) -> str:
    if own["mode"] == right["mode"]:
        for name in ("align_corners", "antialias"):
            had, should = own.get(name, False), right.get(name, False)
            if had != should:
                return f"{name} is {had}, not {should}"
    half = " (half pixels)" if right["mode"] == "nearest-exact" else ""
    beside = "".join(f", with {name}" for name in right if name != "mode")
    return f"mode is {own['mode']}, not {right['mode']}{half}{beside}"


def _elsewhere(module: nn.Module, x: Tensor) -> Iterator[Repair]:
    """Crops and pads by other numbers in front and behind."""
    padding = getattr(module, "padding", None)
    if isinstance(padding, tuple) and "Pad" in type(module).__name__:
        yield Repair("pads not with zeros", _computing(partial(F.pad, pad=padding)))
    for axis in range(2, x.ndim):
        for by in (1, -1, 2, -2):
            for rolled in (_reads_rolled, _rolled):
                what = f"shifted by {by} along axis {axis}"
                yield Repair(what, behaves(partial(rolled, by, axis)))


def _rolled(
    by: int, axis: int, module: nn.Module, right: Callable[..., Tensor], x: Tensor
) -> Tensor:
    return right(x).roll(-by, axis)


def _reads_rolled(
    by: int, axis: int, module: nn.Module, right: Callable[..., Tensor], x: Tensor
) -> Tensor:
    return right(x.roll(-by, axis))


def _reductions(x: Tensor, y: Tensor) -> Iterator[Repair]:
    """Of all places, if the module computes the other one now."""
    places = tuple(range(2, x.ndim))
    if computes(y.reshape(-1), x.amax(places).reshape(-1)):
        yield Repair("not the average of all places", _computing(lambda x: x.mean(places)))
    if computes(y.reshape(-1), x.mean(places).reshape(-1)):
        yield Repair("not the maximum of all places", _computing(lambda x: x.amax(places)))


def axis_repairs(x: Tensor) -> Iterator[Repair]:
    """What works along one axis, along another one: by exchanging two of what it reads."""
    for first, second in combinations(range(1, x.ndim), 2):
        names = f"{first} and {second - x.ndim if second == x.ndim - 1 else second}"
        for back in (True, False):
            plant = behaves(partial(_exchanged, first, second, back))
            yield Repair(f"works over the wrong axis: {names} are exchanged", plant)


def _exchanged(
    first: int, second: int, back: bool, _: nn.Module, right: Callable[..., Tensor], x: Tensor
) -> Tensor:
    y = right(x.transpose(first, second))
    goes_back = back and isinstance(y, Tensor) and y.ndim > second
    return y.transpose(first, second) if goes_back else y


def merging_repairs(tensors: tuple[Tensor, ...]) -> Iterator[Repair]:
    """Of a module that merges two tensors."""
    if len(tensors) != 2:
        return
    what = "arguments in the other order"
    yield Repair(what, behaves(lambda module, right, x, y: right(y, x)))
    for name, merge in MERGES.items():
        plant = behaves(lambda module, right, x, y, merge=merge: merge(x, y))
        yield Repair(f"does not compute the {name}", plant)


def _computing(function: Function) -> Plant:
    return behaves(lambda module, right, x: function(x))


def _constant(value: Any) -> Callable[[Any], Any]:
    return lambda _: value
