"""Repairs whose numbers are read off what the original computes: a bias, a slope, a cap."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from verify.diagnosis.cause import Repair
from verify.diagnosis.fault import behaves
from verify.diagnosis.layer_view import LayerView

# How far, of the largest number, numbers may lie apart that are one but for rounding.
ONE_NUMBER = 1e-9


def fitted_repairs(view: LayerView, before: np.ndarray | None) -> Iterator[Repair]:
    """The changes that may mend the layer, which computes `before` now."""
    if before is None or before.shape != view.expected.shape:
        return
    yield from _constant_added(view, before)
    x = _read(view)
    has_weights = any(True for _ in view.module.parameters())
    if x is not None and x.shape == before.shape and not has_weights:
        yield from _activations(view.module, x, view.expected)
        yield from _affine(before, view.expected)
    elif has_weights:
        yield from _times(before, view.expected)


def _read(view: LayerView) -> np.ndarray | None:
    """What the layer reads, as the original has it."""
    if len(view.args) != 1 or not isinstance(view.args[0], Tensor):
        return None
    return view.layout(view.args[0])


def _constant_added(view: LayerView, before: np.ndarray) -> Iterator[Repair]:
    """A bias, where the original differs by one number a channel; channels come last there."""
    if before.ndim < 2:
        return
    missing = view.expected - before
    channels = missing.mean(tuple(range(missing.ndim - 1)))
    if np.abs(missing - channels).max() > ONE_NUMBER * np.abs(channels).max():
        return
    has = isinstance(getattr(view.module, "bias", None), Tensor)
    name = "the bias has other values" if has else "a bias is missing"
    if np.ptp(channels) <= ONE_NUMBER * np.abs(channels).max():
        name = f"{channels.flat[0]:.6g} is not added"
    constant = torch.from_numpy(channels)

    def biased(module: nn.Module, right: Callable[..., Any], *inputs: Any) -> Any:
        y = right(*inputs)
        if isinstance(y, tuple):
            return (y[0] + constant.to(y[0].dtype), *y[1:])
        behind = 0 if isinstance(module, nn.Linear) else y.ndim - 2  # axes behind the channels
        return y + constant.to(y.dtype).reshape(-1, *[1] * behind)

    yield Repair(name, behaves(biased))


def _activations(module: nn.Module, x: np.ndarray, y: np.ndarray) -> Iterator[Repair]:
    """Slopes below zero, and ends that no number passes."""
    below, kind = x < 0, type(module).__name__
    if below.any() and _close(y[~below], x[~below]):
        slope = _factor(x[below], y[below])
        if slope not in (None, 0, 1):
            assert slope is not None
            own = getattr(module, "negative_slope", None)
            what = f"{kind} does not compute leaky ReLU, slope {slope:.6g}"
            if own is not None:
                what = f"slope {own:g} instead of {slope:.6g}"
            yield Repair(what, _in_place(lambda x: F.leaky_relu(x, slope)))
        alpha = _factor(np.expm1(x[below]), y[below])
        if alpha is not None and alpha != 0:
            own = getattr(module, "alpha", None) if isinstance(module, nn.ELU) else None
            what = f"{kind} does not compute ELU, alpha {alpha:.6g}"
            if own is not None:
                what = f"alpha {own:g} instead of {alpha:.6g}"
            yield Repair(what, _in_place(lambda x: F.elu(x, alpha)))
    low, high = float(y.min()), float(y.max())
    if low < high and _close(y, x.clip(low, high)):
        ends = f"between {low:.6g} and {high:.6g}" if low != 0 else f"at {high:.6g}"
        if high < x.max():
            yield Repair(f"not capped {ends}", _in_place(lambda x: x.clamp(low, high)))


def _affine(before: np.ndarray, y: np.ndarray) -> Iterator[Repair]:
    """A factor and a summand, the same for all numbers."""
    if before.size < 3 or not np.isfinite(before).all() or np.ptp(before) == 0:
        return
    scale, offset = np.polyfit(before.reshape(-1), y.reshape(-1), 1)
    if abs(scale - 1) < ONE_NUMBER or not _close(y, scale * before + offset):
        return
    what = f"should be {scale:.6g} times that"
    if abs(offset) > ONE_NUMBER * np.abs(y).max():
        what = f"{what}, plus {offset:.6g}"
    plant = behaves(lambda module, right, *inputs: float(scale) * right(*inputs) + float(offset))
    yield Repair(what, plant)


def _times(before: np.ndarray, y: np.ndarray) -> Iterator[Repair]:
    """A factor behind a layer with weights."""
    scale = _factor(before, y)
    if scale not in (None, 0, 1):
        factor = float(scale or 0)
        plant = behaves(lambda module, right, *args: _first_times(factor, right(*args)))
        yield Repair(f"should be {factor:.6g} times that", plant)


def _first_times(factor: float, output: Any) -> Any:
    """Of a module that returns several things, the first."""
    return (factor * output[0], *output[1:]) if isinstance(output, tuple) else factor * output


def _factor(x: np.ndarray, y: np.ndarray) -> float | None:
    """The number that `x` times is `y`, if there is one."""
    square = float(np.square(x).sum())
    if x.size < 2 or not square > 0:
        return None
    factor = float((x * y).sum() / square)
    # To the digits that somebody would have written.
    return float(f"{factor:.12g}") if _close(y, factor * x) else None


def _close(a: np.ndarray, b: np.ndarray) -> bool:
    largest = np.abs(b).max(initial=0.0)
    return bool(np.abs(a - b).max(initial=0.0) <= ONE_NUMBER * max(largest, 1e-30))


def _in_place(function: Callable[[Tensor], Tensor]) -> Any:
    return behaves(lambda module, right, x: function(x))
