"""Running a port once beside what its original did, to find what corresponds."""

import copy
from collections.abc import Callable, Mapping, Sequence, Set
from contextlib import suppress
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from port.errors import InputError
from verify.custom.layouts.guess import layout_of, likely_layout
from verify.custom.matching.found import Found, Given
from verify.custom.matching.matcher import Matcher
from verify.custom.matching.outputs import outputs_agree, pair_outputs
from verify.custom.module.constants import closeness
from verify.custom.module.torch_module import Place, watch
from verify.custom.originals.original import Call, outputs_of
from verify.runners.pytorch import REFUSALS


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
    follower = copy.deepcopy(module)
    found = _followed(follower, calls, variables, given, run, goes_on=True)
    if not found.unfit or _agrees(follower, calls, found, run):
        return found
    again = _followed(copy.deepcopy(module), calls, variables, given, run, goes_on=False)
    # A port may stop at the layer's own shape, such as in front of a crop; then less is found.
    return found if found.finished and not again.finished else again


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
) -> Found:
    """What was found; `module` has the weights then."""
    matcher = Matcher(module, calls, variables, given, goes_on)
    returned: Mapping[str, Tensor] | None = None
    worked: set[str] = set()

    def after(place: str, inner: nn.Module, output: Any) -> Any:
        worked.add(place)
        return matcher.after(place, inner, output)

    # A wrong port may not get to its end; what it did until then is matched.
    with watch(module, after, matcher.before), torch.no_grad(), suppress(*REFUSALS):
        returned = run(module)
        matcher.found.finished = True
    matcher.fill_the_rest()
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
            layout = layout_of(call.value, output)
        matcher.found.places[tap] = Place("", given.layouts.get(tap, layout), names[tap])
    return matcher.found


def _unreached(found: Found, calls: Sequence[Call], worked: Set[str]) -> dict[str, Place]:
    """Of a port that stops, the layers that it does not get to: where they would be."""
    values = {call.tap: call.value for call in calls}
    return {
        match.tap: Place(match.place, likely_layout(values[match.tap].ndim, values[match.tap].ndim))
        for match in found.matches
        if match.tap in values and match.tap not in found.places and match.place not in worked
    }
