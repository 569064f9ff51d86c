"""What one input cannot show, told for the report."""

import copy
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from verify.custom.matching.pair import Pair
from verify.custom.module.torch_module import Place
from verify.custom.module.watch import watch
from verify.custom.originals.bends import bends_of, unpassed
from verify.custom.originals.original import Call
from verify.custom.probing.inputs import open_axes, vocabularies_of
from verify.runners.pytorch import REFUSALS

# Taps that are named in a line.
MOST = 5


def list_unseen(pair: Pair, calls: Sequence[Call], places: Mapping[str, Place]) -> Iterator[str]:
    """A line for each kind of thing that the pair's inputs cannot show."""
    original = pair.original
    known = {call.tap: call.unpassed for call in calls if call.unpassed}
    named = {place.module: tap for tap, place in places.items()}
    for place, bends in _unpassed_in_port(pair).items():
        tap = named.get(place, f"the port's {place}")
        known[tap] = tuple(dict.fromkeys((*known.get(tap, ()), *bends)))
    if known:
        yield f"how activations go on, since no value passes {_by_bends(known)}"
    sizes = original.sizes(pair.inputs)
    for name, array in pair.inputs.items():
        if open_axes(sizes, name, array):
            known_sizes = "×".join(str(size or "any") for size in sizes[name])
            yield f"other sizes of {name}, which may be {known_sizes}"
    for name, rows in vocabularies_of(pair.inputs, calls, original.variables).items():
        if (used := len(np.unique(pair.inputs[name]))) < rows:
            yield f"{rows - used} of the {rows} tokens that {name} may hold"
    for kind, layers in original.unused.items():
        yield f"{kind}, which training alone has: {', '.join(layers)}"


def _by_bends(known: Mapping[str, Sequence[float]]) -> str:
    """Which bends are not passed at which taps; of many taps the first."""
    taps: dict[str, list[str]] = {}
    for tap, bends in known.items():
        taps.setdefault(" and ".join(f"{bend:g}" for bend in sorted(bends)), []).append(tap)
    return "; ".join(
        f"{bends} at {', '.join(at[:MOST])}" + f" and {len(at) - MOST} more" * (len(at) > MOST)
        for bends, at in taps.items()
    )


def _unpassed_in_port(pair: Pair) -> dict[str, tuple[float, ...]]:
    """By place the bends of the port's own activations that no value passes."""
    found: dict[str, tuple[float, ...]] = {}

    def before(place: str, module: nn.Module, args: tuple[Any, ...], _: dict[str, Any]) -> None:
        reads = args[0] if args else None
        if isinstance(reads, Tensor) and (bends := bends_of(module)):
            found[place] = unpassed(bends, reads.detach().numpy())

    module = copy.deepcopy(pair.module).double()
    with suppress(*REFUSALS), torch.no_grad(), watch(module, lambda *_: None, before):
        pair.run(module)
    return {place: bends for place, bends in found.items() if bends}
