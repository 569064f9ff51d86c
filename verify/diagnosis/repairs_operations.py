"""Repairs of operations that are no modules, and of those that were forgotten."""

import copy
import inspect
import math
from collections.abc import Callable, Iterator
from functools import partial
from itertools import combinations, permutations
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from verify.diagnosis.cause import Repair
from verify.diagnosis.fault import Site, behaves
from verify.diagnosis.functions import ACTIVATIONS
from verify.diagnosis.layer_view import LayerView
from verify.diagnosis.repairs_layouts import computing, layouts, on_first
from verify.diagnosis.repairs_sliding import sliding_repairs
from verify.runners.operation import NOTHING, Operation, tensors_in

# How far, of the largest number, two may lie apart that are one but for rounding.
ONE_NUMBER = 1e-9
OF_TWO: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "the sum": torch.add,
    "the product": torch.mul,
    "the difference": torch.sub,
    "the difference, the other way round": lambda x, y: y - x,
    "the mean": lambda x, y: (x + y) / 2,
    "the maximum": torch.maximum,
    "the minimum": torch.minimum,
    "the first": lambda x, y: x,
    "the second": lambda x, y: y,
}
OVER_AXES: dict[str, Callable[..., Tensor]] = {
    "mean": torch.mean,
    "maximum": torch.amax,
    "sum": torch.sum,
}
MODES = ("nearest", "nearest-exact", "linear", "bilinear", "bicubic", "trilinear")
POOLS = {
    f"{kind.lower()}_pool{dims}d": f"{kind}Pool{dims}d"
    for kind in ("Avg", "Max")
    for dims in (1, 2, 3)
}


def operation_repairs(view: LayerView, before: np.ndarray | None) -> Iterator[Repair]:
    """The changes that may mend an operation, which reads the arguments of `view`.

    Args:
        view: the operation, and what the original computes.
        before: what it computes now, None where it refuses.
    """
    operation = view.module
    assert isinstance(operation, Operation)
    tensors = list(tensors_in(view.args, view.kwargs))
    yield from _scaled(view, before)
    if len(tensors) == 1:
        (x,) = tensors
        known = _functions(view, x)
        for name, function in known.items():
            yield _instead(operation, name, on_first(function))
        if operation.called == NOTHING:
            yield from _with_another_tap(view, x)
        yield from _over_axes(operation, x)
        yield from _pools(operation, view)
        yield from _resized(operation, view, x)
        yield from layouts(operation, x, before if before is None else _shape(view), view)
    elif len(tensors) > 1:
        yield from _of_several(operation, tensors, view)


def _shape(view: LayerView) -> tuple[int, ...]:
    """Of what the operation puts out now, as the port has it."""
    with torch.no_grad():
        return tuple(next(tensors_in(view.module(*view.args, **view.kwargs))).shape)


def _instead(operation: Operation, name: str, function: Callable[[list[Tensor]], Tensor]) -> Repair:
    """Another function of the tensors that it reads."""
    missing = operation.called == NOTHING
    told = f"{name} is missing" if missing else f"{operation.called} does not compute {name}"
    return Repair(told, computing(function))


def _on_two(function: Callable[[Tensor, Tensor], Tensor], tensors: list[Tensor]) -> Tensor:
    return function(tensors[0], tensors[1])


def _concatenated(order: tuple[int, ...], axis: int, tensors: list[Tensor]) -> Tensor:
    return torch.cat([tensors[place] for place in order], axis)


def _scaled(view: LayerView, before: np.ndarray | None) -> Iterator[Repair]:
    """A factor, a number added, where the original is that of what is computed."""
    if before is None or before.shape != view.expected.shape or before.size < 3:
        return
    if not (np.isfinite(before).all() and np.ptp(before) > 0):
        return
    slope, offset = np.polyfit(before.ravel(), view.expected.ravel(), 1)
    off = np.abs(slope * before + offset - view.expected).max()
    if off > ONE_NUMBER * np.abs(view.expected).max() or abs(slope) < ONE_NUMBER:
        return
    if abs(offset) < ONE_NUMBER * np.abs(view.expected).max():
        offset = 0.0
    numbers = [arg for arg in view.args if isinstance(arg, int | float)]
    called = getattr(view.module, "called", NOTHING)
    if not offset and called in ("mul", "div", "truediv") and len(numbers) == 1:
        right = numbers[0] * slope if called == "mul" else numbers[0] / slope
        name = f"{called} by {numbers[0]:g} instead of {right:g}"
    elif not offset:
        name = f"a factor of {slope:g} is missing"
    elif abs(slope - 1) < ONE_NUMBER:
        name = f"{offset:g} is not added"
    else:
        name = f"times {slope:g}, plus {offset:g} is missing"
    yield Repair(
        name, behaves(lambda _, right, *args, **kwargs: right(*args, **kwargs) * slope + offset)
    )


def _functions(view: LayerView, x: Tensor) -> dict[str, Callable[[Tensor], Tensor]]:
    """Those known by name, a softmax over each axis; a slope and a cap that the original shows."""
    found = dict(ACTIVATIONS)
    for slope in (0.01, 0.2, 0.3):
        found[f"leaky ReLU, slope {slope:g}"] = partial(F.leaky_relu, negative_slope=slope)
    names = {1: "softmax over channels, axis 1", x.ndim - 1: "softmax over the last axis"}
    for axis in range(x.ndim):
        found[names.get(axis, f"softmax over axis {axis}")] = partial(torch.softmax, dim=axis)
    read, expected = view.layout(x), view.expected
    if read.shape != expected.shape or not (read < 0).any():
        return found
    below = read < 0
    slope, cap = float(np.median(expected[below] / read[below])), float(expected.max())
    if 0 < slope < 1 and slope not in (0.01, 0.2, 0.3):
        found[f"leaky ReLU, slope {slope:g}"] = partial(F.leaky_relu, negative_slope=slope)
    if 0 < cap < read.max() and cap != 6:
        found[f"ReLU with a cap of {cap:g}"] = partial(torch.clamp, min=0, max=cap)
    return found


def _with_another_tap(view: LayerView, x: Tensor) -> Iterator[Repair]:
    """What was forgotten may have read the output of another layer, too."""
    read, expected = view.layout(x), view.expected
    if read.shape != expected.shape:
        return
    place = view.layout(torch.arange(x.numel()).reshape(x.shape)).astype(np.int64).ravel()
    bound = ONE_NUMBER * np.abs(expected).max()
    for tap, value in view.seen.items():
        if tap == view.tap or value.ndim != expected.ndim:
            continue
        for name, function in (("sum", np.add), ("product", np.multiply)):
            try:
                found = function(read, value.astype(np.float64))
            except ValueError:  # of other shapes
                continue
            if found.shape != expected.shape or np.abs(found - expected).max() > bound:
                continue
            right = np.empty(x.numel())
            right[place] = np.broadcast_to(value, expected.shape).ravel()
            other = torch.from_numpy(right).reshape(x.shape)
            with_other = partial(_with, torch.add if name == "sum" else torch.mul, other)
            yield Repair(f"the {name} with {tap} is missing", computing(with_other))


def _with(
    function: Callable[[Tensor, Tensor], Tensor], other: Tensor, tensors: list[Tensor]
) -> Tensor:
    return function(tensors[0], other.to(tensors[0].dtype))


def _over_axes(operation: Operation, x: Tensor) -> Iterator[Repair]:
    axes = [c for n in range(1, x.ndim) for c in combinations(range(1, x.ndim), n)]
    for name, function in OVER_AXES.items():
        for some in axes:
            for keep in (False, True):
                told = f"the {name} over {'axis' if len(some) == 1 else 'axes'} " + ", ".join(
                    map(str, some)
                )
                yield _instead(
                    operation,
                    told + (", which are kept" if keep else ""),
                    on_first(partial(function, dim=some, keepdim=keep)),
                )


def _pools(operation: Operation, view: LayerView) -> Iterator[Repair]:
    """What mends a pool that is a module mends a function, too."""
    kind = getattr(nn, POOLS.get(operation.called, ""), None)
    if kind is None:
        return
    given = inspect.signature(kind).bind(*view.args[1:], **_known(kind, view.kwargs))
    pool = kind(*given.args, **given.kwargs)
    for repair in sliding_repairs(pool, (view.args[0],)):
        mended = copy.deepcopy(pool)
        repair.plant(Site(mended, view.tap, mended))
        yield Repair(repair.name, computing(on_first(mended)))


def _known(kind: type[nn.Module], kwargs: dict[str, Any]) -> dict[str, Any]:
    """The arguments that a pool takes as a module, too."""
    return {name: kwargs[name] for name in inspect.signature(kind).parameters if name in kwargs}


def _resized(operation: Operation, view: LayerView, x: Tensor) -> Iterator[Repair]:
    if operation.called not in ("interpolate", "upsample", NOTHING) or x.ndim < 3:
        return
    inner = x.ndim - 2
    size = view.expected.shape[1 : 1 + inner]
    if operation.called == NOTHING and size == tuple(x.shape[2:]):
        return
    for mode in MODES:
        corners = (None,) if "nearest" in mode else (False, True)
        for align in corners:
            told = f"resizing, mode {mode}" + ("" if align is None else f", align_corners={align}")
            yield _instead(
                operation,
                told,
                on_first(partial(F.interpolate, size=size, mode=mode, align_corners=align)),
            )


def _of_several(operation: Operation, tensors: list[Tensor], view: LayerView) -> Iterator[Repair]:
    if len(tensors) == 2:
        for name, function in OF_TWO.items():
            yield _instead(operation, name, partial(_on_two, function))
    if math.factorial(len(tensors)) > 24:
        return
    for order in permutations(range(len(tensors))):
        numbers = ", ".join(str(place + 1) for place in order)
        for axis in range(tensors[0].ndim):
            if operation.called in ("cat", "concat", "concatenate") and order != tuple(
                range(len(tensors))
            ):
                name = f"concatenated in another order: it should be {numbers}, over axis {axis}"
            else:
                name = f"{operation.called} is no concatenation of {numbers} over axis {axis}"
            yield Repair(name, computing(partial(_concatenated, order, axis)))
