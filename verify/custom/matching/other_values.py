"""A layer's own values as a repair, where a converter or a loaded port has given it others."""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from verify.custom.matching.weights import Row, possible_rows, state_of
from verify.custom.matching.whole_modules import is_whole, whole_rows
from verify.custom.originals.original import Call
from verify.diagnosis.cause import Repair
from verify.diagnosis.fault import Plant, Site, Undo
from verify.diagnosis.layer_view import LayerView


def own_values(
    calls: Sequence[Call], variables: Mapping[str, np.ndarray], view: LayerView
) -> Iterator[Repair]:
    """The original's values of the layer's variables, one at a time, in each layout that fits."""
    call = next((call for call in calls if call.tap == view.tap), None)
    if call is None:
        return
    whole = is_whole(view.module)
    names = (*call.variables, *call.inside) if whole else call.variables
    mine = {name: variables[name] for name in names}
    known, state = set[tuple[str, str, str]](), state_of(view.module)
    for way in (whole_rows if whole else possible_rows)("", view.module, mine, ["*"]):
        groups: dict[str, list[Row]] = {}
        for row in way:
            groups.setdefault(row.variable, []).append(row)
        for variable, rows in groups.items():
            sign = (variable, str(rows[0].layout), rows[0].key)
            if sign not in known and not all(_holds(row, state, variables) for row in rows):
                known.add(sign)
                yield Repair(f"other values than {variable}", _taking(rows, variables))


def _holds(row: Row, state: Mapping[str, Tensor], variables: Mapping[str, np.ndarray]) -> bool:
    return np.array_equal(row.held(state), row.value(variables))


def _taking(rows: Sequence[Row], variables: Mapping[str, np.ndarray]) -> Plant:
    """Let the tensors of a module take a variable's values."""

    def plant(site: Site) -> Undo:
        state = site.module.state_dict()
        before = {row.key: state[row.key].clone() for row in rows}
        with torch.no_grad():
            for row in rows:
                row.to(state[row.key]).copy_(torch.from_numpy(row.value(variables)))

        def undo() -> None:
            with torch.no_grad():
                for key, tensor in before.items():
                    state[key].copy_(tensor)

        return undo

    return plant
