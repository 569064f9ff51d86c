"""What the user says is used, or refused."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet

import numpy as np
import torch
from torch import Tensor, nn

from port.errors import InputError
from verify.custom.layouts.layout import Layout
from verify.custom.matching.found import Found, Given
from verify.custom.matching.refuse import refuse_layouts
from verify.custom.matching.weights import matches, rows_of_table
from verify.custom.matching.whole_modules import is_whole
from verify.custom.module.operations import is_operation
from verify.custom.module.torch_module import path_of
from verify.custom.originals.original import Call, layer_tap, outputs_of

# A name of the original's to one of the port's, or to that and a layout.
Table = Mapping[str, str | tuple[str, str]]


def load_converted(module: nn.Module, state: Mapping[str, Tensor]) -> None:
    """Give the port what the user's function made of the original's weights.

    What it computed in float64, such as a batch norm folded into its convolution, keeps all digits.

    Raises:
        InputError: it is no state dict of the port's.
    """
    try:
        if any(tensor.dtype == torch.float64 for tensor in state.values()):
            module.double()
        module.load_state_dict(dict(state))
    except (AttributeError, RuntimeError, TypeError, ValueError) as error:
        told = " ".join(str(error).split())
        raise InputError(f"weights: what your function returned does not load: {told}") from None


def refuse_idle(argument: str, patterns: Sequence[str], names: Iterable[str]) -> None:
    """Every pattern must match something.

    Raises:
        InputError: one matches nothing.
    """
    known = list(names)
    for pattern in patterns:
        if not any(matches(name, [pattern]) for name in known):
            raise InputError(f"{argument}: nothing is called {pattern!r}; leave it out")


def refuse_unused(given: Given, found: Found, calls: Sequence[Call]) -> None:
    """Every module that was named must have had a use, if the port ran to its end.

    Raises:
        InputError: it has not.
    """
    for tap, place in given.places.items():
        if found.finished and place is not None and tap not in found.places:
            raise InputError(
                f"taps: the port's {place!r} (for {tap!r}) did not work, or returned no tensor"
            )
    if given.converted:
        return
    placed = {row.variable: row.key for row in found.rows}
    variables = {call.tap: call.variables or call.inside for call in calls}
    for tap, path in given.modules.items():
        inside = f"{path}." if path else ""
        if not any(placed.get(v, "").startswith(inside) for v in variables[tap] if v in placed):
            raise InputError(f"layers: the port's {path!r} (for {tap!r}) has none of its weights")


def given_by(
    calls: Sequence[Call],
    inputs: Collection[str],
    variables: Mapping[str, np.ndarray],
    module: nn.Module,
    layers: Mapping[str, str] | None,
    table: Table,
    taps: Mapping[str, str | tuple[str, str] | None] | None,
    without: Sequence[str],
    port_only: Sequence[str],
) -> Given:
    """What the user says, with every name checked; see `port_spec` for the arguments.

    Raises:
        InputError: nothing is called so, or a layout does not fit.
    """
    by_tap = {call.tap: call for call in calls}
    paths = dict(module.named_modules())
    modules: dict[str, str] = {}
    for layer, path in (layers or {}).items():
        layer = layer_tap(layer, inputs)
        tap = f"{layer}/linear" if f"{layer}/linear" in by_tap else layer
        if tap not in by_tap:
            raise InputError(f"layers: the original has no layer {layer!r}")
        if not (by_tap[tap].variables or by_tap[tap].inside):
            raise InputError(f"layers: {layer!r} has no weights; where it works is said in `taps`")
        if path not in paths:
            raise InputError(f"layers: the port has no module {path!r} (for {layer!r})")
        modules[tap] = path
    rows = rows_of_table(table, variables, module)
    for path in dict.fromkeys(row.key.rpartition(".")[0] for row in rows):
        given = {row.variable for row in rows if row.key.rpartition(".")[0] == path}
        modules |= dict.fromkeys(_layers_of(given, calls, is_whole(paths[path])), path)
    places: dict[str, str | None] = {}
    layouts: dict[str, Layout] = {}
    for tap, entry in (taps or {}).items():
        place, text = (entry, None) if isinstance(entry, str | None) else entry
        if tap not in by_tap:
            raise InputError(f"taps: the original has no layer {tap!r}")
        if place is not None and not is_operation(place) and path_of(place) not in paths:
            raise InputError(f"taps: the port has no module {place!r} (for {tap!r})")
        places[tap] = place
        if text is not None:
            layouts[tap] = Layout.parse(text)
    refuse_layouts("taps", layouts, by_tap)
    return Given(modules, places, layouts, rows, without, port_only)


def layouts_of_outputs(said: Mapping[str, str], calls: Sequence[Call]) -> dict[str, Layout]:
    """How outputs lie in the port, by the user's word.

    Raises:
        InputError: there is no such output, or it has no such axes.
    """
    outputs = outputs_of(calls)
    for tap in said:
        if tap not in outputs:
            there = ", ".join(map(repr, outputs))
            raise InputError(f"output_layouts: there is no output {tap!r}, there is {there}")
    layouts = {tap: Layout.parse(text) for tap, text in said.items()}
    refuse_layouts("output_layouts", layouts, outputs)
    return layouts


def _layers_of(variables: AbstractSet[str], calls: Sequence[Call], whole: bool) -> list[str]:
    """The layers that have some of a module's variables; of a `whole` one, the one it is."""
    having = [call.tap for call in calls if variables & set(call.variables)]
    if not whole:
        return having
    around = [call.tap for call in calls if variables <= {*call.variables, *call.inside}]
    return around[:1] or having[-1:]
