"""Repairs as hypotheses: which change makes a wrong layer compute what the original does."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack

import numpy as np
import torch
from torch import Tensor, nn

from port.errors import InputError
from verify.diagnosis.cause import EXPLAINED, WORTH_NAMING, Cause, Repair, explained_share
from verify.diagnosis.fault import Plant, Site
from verify.diagnosis.layer_view import LayerView
from verify.diagnosis.repairs import repairs
from verify.diagnosis.repairs_attention import attention_around
from verify.diagnosis.repairs_fitted import fitted_repairs
from verify.diagnosis.repairs_heads import heads_around
from verify.diagnosis.repairs_inside import repairs_inside
from verify.diagnosis.repairs_loops import loop_repairs
from verify.diagnosis.repairs_operations import operation_repairs
from verify.diagnosis.repairs_reading import readings
from verify.diagnosis.repairs_recurrent import masking, states_around
from verify.diagnosis.repairs_transformer import transformer_around
from verify.diagnosis.sources import sources_of
from verify.runners.operation import Operation
from verify.runners.pytorch import REFUSALS

REFUSED = (*REFUSALS, TypeError, AttributeError, KeyError, AssertionError, InputError)
# Pairs of repairs are tried among so many that seem nearest.
PAIRED = 12
# More repairs than a module itself tells of; of equals, those of the module come first.
Further = Callable[[LayerView], Iterable[Repair]]
# What the original's values, or what is around the layer, must tell; the likeliest first.
AROUND: tuple[Further, ...] = (
    states_around,
    loop_repairs,
    transformer_around,
    attention_around,
    lambda view: heads_around(view, sources_of(view)),
    lambda view: readings(view, sources_of(view)),
)


def mending(view: LayerView, further: Further = lambda view: ()) -> list[tuple[Cause, Plant]]:
    """What is wrong with a layer, and the change that mends it; empty where nothing does.

    More than one where it takes several changes at once.
    """
    before = _output(view)
    operates = isinstance(view.module, Operation)
    if operates:
        candidates = list(operation_repairs(view, before))
    else:
        candidates = [*_repairs(view), *fitted_repairs(view, before), *further(view)]
    shares = {each: _share(view, before, each) for each in candidates}
    for around in () if operates else AROUND:
        if max(shares.values(), default=0.0) >= EXPLAINED:
            break
        found = list(_reached(around, view))
        candidates += found
        shares |= {each: _share(view, before, each) for each in found}
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


@torch.no_grad()
def _repairs(view: LayerView) -> list[Repair]:
    """Those that are known of such a module."""
    try:
        computed = view.computed()
    except (*REFUSALS, TypeError, AssertionError):
        computed = None
    output = computed if isinstance(computed, Tensor) else None
    found = [*repairs(view.module, view.args, output), *repairs_inside(view)]
    if isinstance(view.module, nn.RNNBase):
        masked = masking(view.expected, view.module.bidirectional)
        found += [masked] if masked else []
    return found


def _share(view: LayerView, before: np.ndarray | None, *some: Repair) -> float:
    with ExitStack() as stack:
        for repair in some:
            stack.callback(repair.plant(Site(view.around or view.module, view.tap, view.module)))
        whole = any(repair.around for repair in some)
        return explained_share(before, _output(view, whole), view.expected)


def _reached(around: Further, view: LayerView) -> Iterator[Repair]:
    try:
        yield from around(view)
    except REFUSED:  # the port does not get there, or is not called as one would
        return


def _output(view: LayerView, whole: bool = False) -> np.ndarray | None:
    """None where the layer refuses what it is fed, or a repair what it returns.

    `whole`: of the port run as a whole.
    """
    try:
        return view.again() if whole and view.again is not None else view.output()
    except REFUSED:
        return None
