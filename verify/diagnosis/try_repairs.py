"""Repairs as hypotheses: which change makes a wrong layer compute what the original does."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from verify.diagnosis.cause import EXPLAINED, WORTH_NAMING, Cause, Repair, explained_share
from verify.diagnosis.fault import Plant, Site, behaves
from verify.diagnosis.layer_view import LayerView
from verify.diagnosis.repairs import repairs
from verify.runners.pytorch import REFUSALS

# Pairs of repairs are tried among so many that seem nearest.
PAIRED = 12
# How far, of the largest number, numbers may lie apart that are one but for rounding.
ONE_NUMBER = 1e-9


def mending(view: LayerView) -> list[tuple[Cause, Plant]]:
    """What is wrong with a layer, and the change that mends it; empty where nothing does.

    More than one where it takes several changes at once.
    """
    before = _output(view)
    candidates = [*repairs(view.module, view.args), *_constant_added(view, before)]
    shares = {each: _share(view, before, each) for each in candidates}
    order = sorted(candidates, key=shares.__getitem__, reverse=True)
    if not order:
        return []
    best = order[0]
    if shares[best] < EXPLAINED:
        few = order[:PAIRED]
        for pair in ((a, b) for a in few for b in few if a is not b):
            if (share := _share(view, before, *pair)) >= EXPLAINED:
                return [(Cause(view.tap, each.name, share), each.plant) for each in pair]
    if shares[best] < WORTH_NAMING:
        return []
    enough = shares[best] >= EXPLAINED
    also = tuple(each.name for each in order[1:] if enough and shares[each] >= EXPLAINED)
    rest = tuple((each.name, shares[each]) for each in order[1:] if each.name not in also)
    return [(Cause(view.tap, best.name, shares[best], also=also, instead=rest[:3]), best.plant)]


def _constant_added(view: LayerView, before: np.ndarray | None) -> Iterator[Repair]:
    """A bias, where the original differs by one number a channel; channels come last there."""
    if before is None or before.shape != view.expected.shape or before.ndim < 2:
        return
    missing = view.expected - before
    channels = missing.mean(tuple(range(missing.ndim - 1)))
    if np.abs(missing - channels).max() > ONE_NUMBER * np.abs(channels).max():
        return
    has = isinstance(getattr(view.module, "bias", None), Tensor)
    name = "the bias has other values" if has else "a bias is missing"
    constant = torch.from_numpy(channels)

    def biased(module: nn.Module, right: Callable[..., Tensor], *inputs: Any) -> Tensor:
        y = right(*inputs)
        behind = 0 if isinstance(module, nn.Linear) else y.ndim - 2  # axes behind the channels
        return y + constant.to(y.dtype).reshape(-1, *[1] * behind)

    yield Repair(name, behaves(biased))


def _share(view: LayerView, before: np.ndarray | None, *some: Repair) -> float:
    with ExitStack() as stack:
        for repair in some:
            stack.callback(repair.plant(Site(view.module, view.tap, view.module)))
        return explained_share(before, _output(view), view.expected)


def _output(view: LayerView) -> np.ndarray | None:
    """None where the layer refuses what it is fed."""
    try:
        return view.output()
    except (*REFUSALS, TypeError):
        return None
