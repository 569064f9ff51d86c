"""Layers that a port writes itself, of several modules or of parameters."""

import copy
from collections.abc import Iterator, Mapping
from itertools import chain
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from verify.custom.layouts.guess import gives
from verify.custom.matching.found import Found, Given
from verify.custom.matching.loops import loop_rows
from verify.custom.matching.projections import fused_rows
from verify.custom.matching.weights import Row
from verify.custom.matching.whole_modules import is_whole
from verify.custom.module.outputs import first_tensor, with_first
from verify.custom.module.steps import EVERY, LAYOUTS
from verify.custom.module.torch_module import Place, is_torchs_own
from verify.custom.originals.original import RETURNED, Call
from verify.runners.pytorch import REFUSALS


def is_written(module: nn.Module) -> bool:
    """May it be a layer with all that is inside of it, other than torch's own such modules?"""
    if any(is_whole(inner) for inner in module.modules()):
        return False
    return isinstance(module, nn.RNNCellBase) or not is_torchs_own(module)


def written_rows(
    path: str, module: nn.Module, variables: Mapping[str, np.ndarray]
) -> Iterator[list[Row]]:
    """The ways in which variables of a recurrent layer or an attention can be its tensors."""
    return chain(loop_rows(path, module, variables), fused_rows(path, module, variables))


def computes(
    call: Call, calls: Mapping[str, Call], module: nn.Module, arguments: tuple[Any, Any]
) -> bool:
    """Does a module put out what a layer does: its sequence, the end of it, or its first step?"""
    try:
        with torch.no_grad():
            output = first_tensor(_unwatched(module)(*arguments[0], **arguments[1]))
    except (*REFUSALS, TypeError):
        return False
    if output is None:
        return False
    returned = calls.get(f"{call.tap}{RETURNED}")
    wanted = [call.value, *([] if returned is None else [returned.value])]
    if is_step(call, arguments):
        wanted = [call.value[:, 0]]
    return any(gives(output, value) for value in wanted)


def is_step(call: Call, arguments: tuple[Any, Any]) -> bool:
    """Does a module read one step of what a layer reads that works step by step?"""
    tensors = [x for x in (*arguments[0], *arguments[1].values()) if isinstance(x, Tensor)]
    if not call.steps or not tensors:
        return False
    first, samples = tensors[0], call.value.shape[0]
    return first.ndim == call.value.ndim - 1 and first.shape[0] == samples


def _unwatched(module: nn.Module) -> nn.Module:
    """A copy that tells nobody that it works."""
    alone = copy.deepcopy(module)
    for inner in alone.modules():
        inner._forward_hooks.clear()
        inner._forward_pre_hooks.clear()
    return alone


class StepByStep:
    """Cells of recurrent layers: each of their outputs is a step of the layer's sequence."""

    def __init__(self, given: Given, found: Found) -> None:
        self._given, self._found = given, found
        self._calls: dict[str, tuple[Call, list[Tensor]]] = {}

    def __contains__(self, path: object) -> bool:
        return path in self._calls

    def begin(self, path: str, call: Call) -> None:
        """The module at this path is the layer's cell."""
        self._calls[path] = call, []

    def after(self, path: str, module: nn.Module, output: Any) -> Any:
        """It has worked: what it hands on is the original's step."""
        call, seen = self._calls[path]
        tensor, places = first_tensor(output), self._found.places
        count = call.value.shape[1]
        if tensor is None:
            return None
        seen.append(tensor)
        if len(seen) > count:  # its steps are no such sequence
            places.pop(call.tap, None)
            return None
        layout = self._given.layouts.get(call.tap) or LAYOUTS[call.value.ndim]
        step = layout.to_port(call.value)[:, len(seen) - 1]
        if tensor.shape != step.shape:
            return None
        place = f"{path}{EVERY}"
        if len(seen) == count and self._given.places.get(call.tap, place) == place:
            places[call.tap] = Place(place, layout, steps=count)
        return with_first(module, output, torch.from_numpy(step.copy()))
