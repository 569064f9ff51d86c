"""Which taps both sides surely have in common: where the outputs agree, only those that do."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from verify.custom.layouts.fingerprint import agree
from verify.custom.matching.correspondence import Correspondence
from verify.custom.matching.outputs import outputs_agree
from verify.custom.module.constants import closeness
from verify.custom.module.outputs import first_tensor
from verify.custom.module.torch_module import path_of, steps_of, to_original
from verify.custom.module.watch import between_of, watch
from verify.custom.originals.original import outputs_of


def confirm(
    correspondence: Correspondence,
    module: nn.Module,
    run: Callable[[nn.Module], Mapping[str, Tensor]],
    agrees_again: Callable[[], bool],
    said: Collection[str] = (),
) -> Correspondence:
    """Take no tap for granted whose module computes something else in a port that is right.

    It may crop, scale or activate elsewhere than the original's layer does. Of a port whose
    outputs differ all taps stay: one of them may be where. But those do not which hold the right
    numbers once for all samples, such as position embeddings; the original repeats them.

    Args:
        correspondence: what was found.
        module: the port in float64, with its weights.
        run: runs it on the inputs that the original ran on.
        agrees_again: whether the outputs agree on other inputs as well. Else a mistake that
            these inputs hide would be waived.
        said: taps whose places are the user's word; they stay.
    """
    truths = {call.tap: call for call in correspondence.calls}
    places = correspondence.places
    taps = {place.module: tap for tap, place in places.items() if tap not in said}
    taps.pop("", None)  # the outputs
    reasons = dict.fromkeys(taps.values(), "it does not work")
    once = dict[str, str]()

    steps, within = steps_of(places), closeness(module)

    def see(place: str, _: nn.Module, output: Any) -> None:
        tensor = first_tensor(output)
        step = None if tensor is None else steps.see(path_of(place), tensor)
        if step is not None:
            place, tensor = step.place, step.sequence
        tap = taps.get(place)
        if tap is not None and tensor is not None:
            value = to_original(tensor, places[tap].layout)
            truth = truths[tap].value
            why = _why_not(place, value, truth, truths[tap].within(within))
            reasons.pop(tap)
            reasons.update({tap: why} if why else {})
            if why and _holds_once(value, truth, within):
                once[tap] = f"{place} computes the same numbers, once for all samples"

    try:
        with watch(module, see, between=between_of(taps)), torch.no_grad():
            returned = run(module)
    except Exception:  # of the port's own code, on other inputs than it was matched on
        return correspondence
    agree_now = outputs_agree(places, outputs_of(correspondence.calls), returned, within)
    reasons |= once
    if not agree_now or not reasons or not agrees_again():
        reasons = once
    kept = {tap: place for tap, place in places.items() if tap not in reasons}
    ordered = {tap: reasons[tap] for tap in truths if tap in reasons}
    found = replace(correspondence.found, places=kept, not_compared=ordered)
    return replace(correspondence, found=found)


def larger(inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Other inputs of the same shapes: ten times as large; of whole numbers, other tokens."""
    return {
        name: array * array.dtype.type(10) if array.dtype.kind == "f" else _other_tokens(array)
        for name, array in inputs.items()
    }


def _other_tokens(array: np.ndarray) -> np.ndarray:
    """Each token as the next one, but for 0 and those at either end: a mask stays as it is."""
    ends = array[..., [0, -1]] if array.ndim else array
    free = np.setdiff1d(array, np.append(ends, 0))
    if len(free) < 2:
        return np.flip(array, 0).copy() if array.ndim else array
    others = array.copy()
    for token, following in zip(free, np.roll(free, -1), strict=True):
        others[array == token] = following
    return others


def _holds_once(value: np.ndarray, truth: np.ndarray, within: float) -> bool:
    """Is it the original's, but for the samples, which the original repeats?"""
    if value.shape not in (truth.shape[1:], (1, *truth.shape[1:])) or value.dtype.kind != "f":
        return False
    return agree(np.broadcast_to(value, truth.shape), truth, within)


def _why_not(place: str, value: np.ndarray, truth: np.ndarray, within: float) -> str:
    """Empty, if it is what the original's layer computes."""
    if value.shape != truth.shape:
        there, here = ("×".join(map(str, array.shape)) for array in (value, truth))
        return f"{place} computes {there}, the original {here}"
    if agree(value, truth, within):
        return ""
    return f"{place} computes other numbers, yet the outputs agree"
