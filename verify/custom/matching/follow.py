"""Running a port once beside what its original did, to find what corresponds."""

import copy
from collections.abc import Callable, Mapping, Sequence, Set
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from port.errors import InputError
from verify.custom.layouts.guess import layout_of, likely_layout
from verify.custom.matching.found import READ_BY, Found, Given, Match
from verify.custom.matching.gaps import Gap
from verify.custom.matching.matcher import Matcher
from verify.custom.matching.outputs import outputs_agree, pair_outputs
from verify.custom.matching.weights import Row
from verify.custom.module.aliases import Aliases
from verify.custom.module.constants import closeness
from verify.custom.module.torch_module import Place
from verify.custom.module.watch import Between, between_of, watch
from verify.custom.originals.original import Call, outputs_of
from verify.runners.pytorch import REFUSALS

# Of running the port, each with more of what is wrong in it known.
MOST_ROUNDS = 16


@dataclass(frozen=True)
class Late:
    """Weights that were paired when the port had run already, and how."""

    rows: Sequence[Row] = ()
    matches: Sequence[Match] = ()


def follow(
    module: nn.Module,
    calls: Sequence[Call],
    variables: Mapping[str, np.ndarray],
    given: Given,
    run: Callable[[nn.Module], Mapping[str, Tensor]],
) -> Found:
    """Match a copy of `module` with what the original did; `run` runs it on the same inputs.

    What has not the shape of its layer may be cropped later. Only if the port does not compute the
    same in the end is it handed on as the layer has it.
    """
    unsafe, goes_on = frozenset[str](), True
    gaps: list[Gap] = []
    late = Late()
    best: Found | None = None
    for _ in range(MOST_ROUNDS):
        places = {gap.tap: gap.place for gap in gaps}
        known = replace(given, places={**places, **given.places}, rows=[*given.rows, *late.rows])
        follower = copy.deepcopy(module)
        found, written, more = _followed(follower, calls, variables, known, run, goes_on, unsafe)
        if found.gaps and more.rows:  # nothing may be wrong but that it had no weights in time
            late = Late([*late.rows, *more.rows], [*late.matches, *more.matches])
        elif written - unsafe:
            unsafe |= written
            gaps = [gap for gap in gaps if gap.place not in unsafe]
        elif found.gaps:  # with what is wrong in its place, more is recognised behind it
            gaps += found.gaps
        elif goes_on and found.unfit and not _agrees(follower, calls, found, run):
            goes_on, best = False, _with_gaps(found, gaps)
            gaps = []  # they were taken to read what is of another shape
        else:
            break
    found = _with_gaps(found, gaps)
    if best is not None and best.finished and not found.finished:
        found = best  # a port may stop at the layer's own shape, such as in front of a crop
    found.matches += late.matches
    return found


def _with_gaps(found: Found, gaps: Sequence[Gap]) -> Found:
    matches = [Match(gap.place, gap.tap, READ_BY, reordered=gap.reordered) for gap in gaps]
    return replace(found, gaps=list(gaps), matches=[*found.matches, *matches])


def _agrees(
    module: nn.Module,
    calls: Sequence[Call],
    found: Found,
    run: Callable[[nn.Module], Mapping[str, Tensor]],
) -> bool:
    """Are the outputs the original's, when the port computes everything itself?"""
    try:
        with torch.no_grad():
            returned = run(module)
    except REFUSALS:
        return False
    return outputs_agree(found.places, outputs_of(calls), returned, closeness(module))


def _followed(
    module: nn.Module,
    calls: Sequence[Call],
    variables: Mapping[str, np.ndarray],
    given: Given,
    run: Callable[[nn.Module], Mapping[str, Tensor]],
    goes_on: bool,
    unsafe: frozenset[str],
) -> tuple[Found, set[str], Late]:
    """What was found, what is not safe, what got its weights late; `module` has them all then."""
    matcher = Matcher(module, calls, variables, given, goes_on, unsafe)
    aliases, forgotten = Aliases(), between_of(p for p in given.places.values() if p).forgotten
    between = Between(forgotten=forgotten, aliases=aliases)
    returned: Mapping[str, Tensor] | None = None
    worked: set[str] = set()

    def after(place: str, inner: nn.Module, output: Any) -> Any:
        worked.add(place)
        return matcher.after(place, inner, output)

    # A wrong port may not get to its end; what it did until then is matched.
    with torch.no_grad(), suppress(*REFUSALS):
        with watch(module, after, matcher.before, between):
            returned = run(module)
        matcher.found.finished = True
    late = Late(*matcher.fill_the_rest())
    matcher.put_in_order()
    if returned is None:
        matcher.found.places.update(_unreached(matcher.found, calls, worked))
    ends = outputs_of(calls)
    for name, tensor in (returned or {}).items():
        if tensor.is_complex():
            raise InputError(
                f"the port returns complex numbers{' as ' * bool(name)}{name}: give "
                "forward=lambda port, x: torch.view_as_real(port(*x.values()))"
            )
    names = dict.fromkeys(ends, "") if returned is None else pair_outputs(ends, returned)
    for tap, call in ends.items():
        layout = likely_layout(call.value.ndim, call.value.ndim)
        if returned is not None:
            output = returned[names[tap]]
            matcher.returned(tap, output)
            layout = layout_of(call.value, output)
        matcher.found.places[tap] = Place("", given.layouts.get(tap, layout), names[tap])
    return matcher.found, aliases.unsafe, late


def _unreached(found: Found, calls: Sequence[Call], worked: Set[str]) -> dict[str, Place]:
    """Of a port that stops, the layers that it does not get to: where they would be."""
    values = {call.tap: call.value for call in calls}
    return {
        match.tap: Place(match.place, likely_layout(values[match.tap].ndim, values[match.tap].ndim))
        for match in found.matches
        if match.tap in values and match.tap not in found.places and match.place not in worked
    }
