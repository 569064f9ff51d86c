"""What cannot be compared is refused in one line, before anything runs or soon after."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.parameter import UninitializedParameter

from port.errors import InputError
from verify.custom.layouts.layout import Layout
from verify.custom.layouts.nested import in_one_line, told
from verify.custom.module.watch import watch
from verify.custom.originals.original import Call, is_output

FINITE = "give an input on which it computes finite numbers"


def refuse_kinds(original: Any, tables: Mapping[str, Any], patterns: Mapping[str, Any]) -> None:
    """Every argument of `port_spec` must be of its kind.

    Raises:
        InputError: one is not.
    """
    if not (hasattr(original, "calls") and hasattr(original, "runner")):
        raise InputError(
            f"the original is a {type(original).__name__}: give KerasModel(build), tf_function(f), "
            "saved_model('DIR') or tf1_graph(build)"
        )
    for name, table in tables.items():
        if name == "weights" and callable(table):
            continue
        if table is not None and not isinstance(table, Mapping):
            other = " or a function to a state dict" if name == "weights" else ""
            raise InputError(f"{name} is a {type(table).__name__}: give a dict, {{name: …}}{other}")
        for key, entry in (table or {}).items():
            if not (entry is None or isinstance(entry, str) or _is_pair(entry)):
                raise InputError(f"{name}: {key!r} is {entry!r}: give a name, or (name, 'layout')")
    for name, names in patterns.items():
        if isinstance(names, str) or not all(isinstance(each, str) for each in names):
            raise InputError(f"{name} is {names!r}: give a list of patterns, such as ['*/bias']")


def refuse_inputs(inputs: Mapping[str, np.ndarray], layouts: Mapping[str, Layout]) -> None:
    """Inputs must have numbers in them, and axes for their layouts.

    Raises:
        InputError: one has not.
    """
    for name, array in inputs.items():
        if array.size == 0:
            raise InputError(f"inputs: {name} {_shape(array)} holds no number")
        if not np.isfinite(array).all():
            raise InputError(f"inputs: {name} {_shape(array)} holds NaN or infinity")
        try:
            layouts[name].to_port(array)
        except InputError:
            raise InputError(
                f"input_layouts: {name} {_shape(array)} has no such axes as {layouts[name]}"
            ) from None


def refuse_module(module: Any, may_be_float64: bool) -> None:
    """A port must lie in this machine's memory, in float32; in float64, if it is given weights so.

    Raises:
        InputError: it does not.
    """
    for name, tensor in module.named_parameters() if isinstance(module, nn.Module) else ():
        if isinstance(tensor, UninitializedParameter):
            raise InputError(
                f"the port's {name} has no shape yet: call the port once before it is compared"
            )
        if tensor.device.type != "cpu":
            mend = "build it there" if tensor.is_meta else "give port.cpu()"
            raise InputError(f"the port's {name} is on {tensor.device}, not on the cpu: {mend}")
        kinds = (torch.float32, torch.float64) if may_be_float64 else (torch.float32,)
        if tensor.is_floating_point() and tensor.dtype not in kinds:
            kind = str(tensor.dtype).removeprefix("torch.")
            raise InputError(f"the port's {name} is {kind}, not float32: give port.float()")


def refuse_truths(calls: Sequence[Call]) -> list[str]:
    """What the original returns must be numbers, all of them finite.

    Returns:
        A note on layers that compute others, which the outputs do not show.

    Raises:
        InputError: they are not.
    """
    infinite = [call.tap for call in calls if not np.isfinite(call.value).all()]
    for call in calls:
        if is_output(call.tap) and call.value.size == 0:
            raise InputError(f"the original returns no number as {call.tap} {_shape(call.value)}")
        if is_output(call.tap) and call.tap in infinite:
            raise InputError(
                f"the original returns NaN or infinity as {call.tap} {_shape(call.value)}, the "
                f"first computes {infinite[0]}: {FINITE}"
            )
    return [f"NaN or infinity is what the original computes in {', '.join(infinite)}"] * bool(
        infinite
    )


def refuse_layouts(argument: str, layouts: Mapping[str, Layout], calls: Mapping[str, Call]) -> None:
    """Layouts that are given for taps, as `argument`, must fit what is computed there.

    Raises:
        InputError: one does not.
    """
    for tap, layout in layouts.items():
        try:
            layout.to_port(calls[tap].value)
        except InputError:
            shape = _shape(calls[tap].value)
            raise InputError(f"{argument}: {tap!r} {shape} has no such axes as {layout}") from None


def converted_by(
    convert: Callable[[Mapping[str, np.ndarray]], Any], variables: Mapping[str, np.ndarray]
) -> Mapping[str, Tensor]:
    """The state dict that a function of the user's makes of the original's weights.

    Raises:
        InputError: it raises an error, or makes something else.
    """
    try:
        state = convert(variables)
    except Exception as error:  # whatever is in it
        raise InputError(
            f"weights: your function stopped: {in_one_line(error)}; it is given {told(variables)}"
        ) from error
    if not isinstance(state, Mapping):
        raise InputError(f"weights: your function returns a {type(state).__name__}, no state dict")
    for key, tensor in state.items():
        if not isinstance(tensor, Tensor):
            kind = type(tensor).__name__
            raise InputError(f"weights: {key!r} of your function is a {kind}: give a torch.Tensor")
    return state


def where_it_stops(module: nn.Module, run: Callable[[nn.Module], Any]) -> str:
    """The path of the module in which `run(module)` raises an error."""
    at_work = [""]

    def before(place: str, *_: object) -> None:
        at_work.append(place)

    def after(*_: object) -> None:
        at_work.pop()

    try:
        with watch(module, after, before), torch.no_grad():
            run(module)
    except Exception:  # the one that it was called for
        return at_work[-1]
    return ""


def _is_pair(entry: Any) -> bool:
    is_pair = isinstance(entry, tuple | list) and len(entry) == 2
    return is_pair and all(isinstance(each, str) for each in entry)


def _shape(array: np.ndarray) -> str:
    return "×".join(map(str, array.shape)) or "(one number)"
