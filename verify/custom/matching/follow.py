"""Running a port once beside what its original did, to find what corresponds."""

import copy
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress

import numpy as np
import torch
from torch import Tensor, nn

from verify.custom.layouts.guess import gives, layout_of, likely_layout
from verify.custom.matching.found import Found, Given
from verify.custom.matching.matcher import Matcher
from verify.custom.module.torch_module import Place, watch
from verify.custom.originals.original import OUTPUT, Call
from verify.runners.pytorch import REFUSALS


def follow(
    module: nn.Module,
    calls: Sequence[Call],
    variables: Mapping[str, np.ndarray],
    given: Given,
    run: Callable[[nn.Module], Tensor],
) -> Found:
    """Match a copy of `module` with what the original did; `run` runs it on the same inputs.

    What has not the shape of its layer may be cropped later. Only if the trail ends there is it
    handed on as the layer has it.
    """
    found, agrees = _followed(copy.deepcopy(module), calls, variables, given, run, goes_on=True)
    if found.unfit and not agrees:  # no harmless difference
        found, _ = _followed(copy.deepcopy(module), calls, variables, given, run, goes_on=False)
    return found


def _followed(
    module: nn.Module,
    calls: Sequence[Call],
    variables: Mapping[str, np.ndarray],
    given: Given,
    run: Callable[[nn.Module], Tensor],
    goes_on: bool,
) -> tuple[Found, bool]:
    """What was found, and whether the output was the original's in the end."""
    matcher = Matcher(module, calls, variables, given, goes_on)
    layout, agrees = likely_layout(calls[-1].value.ndim, calls[-1].value.ndim), False
    # A wrong port may not get to its end; what it did until then is matched.
    with watch(module, matcher.after, matcher.before), torch.no_grad(), suppress(*REFUSALS):
        output = run(module)
        matcher.found.finished = True
        layout, agrees = layout_of(calls[-1].value, output), gives(output, calls[-1].value)
    matcher.fill_the_rest()
    matcher.found.places[OUTPUT] = Place("", given.layouts.get(OUTPUT, layout))
    return matcher.found, agrees
