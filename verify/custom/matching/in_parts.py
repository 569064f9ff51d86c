"""A layer that is several modules of the port, one behind the other, as a separable convolution."""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from torch import nn

from verify.custom.matching.weights import Row, possible_rows
from verify.custom.originals.original import Call


def first_part(
    path: str,
    module: nn.Module,
    calls: Iterable[tuple[Call, Sequence[str]]],
    variables: Mapping[str, np.ndarray],
    port_only: Iterable[str],
) -> tuple[Call, list[Row]] | None:
    """The layer of which a module has one kernel, and no more; the next module has the rest.

    Args:
        path: of the module.
        module: which reads what the layers do.
        calls: those layers, each with its variables that have no place yet.
        variables: the original's.
        port_only: patterns of tensors that may be without a variable.
    """
    for call, left in calls:
        kernels = [name for name in left if variables[name].ndim > 1]
        for name in kernels if len(kernels) > 1 else ():
            rows = next(possible_rows(path, module, {name: variables[name]}, port_only), None)
            if rows is not None:
                return call, rows
    return None


def are_inside(place: str, call: Call, rows: Iterable[Row]) -> bool:
    """Are all of the modules that have a layer's weights inside the module of this place?"""
    paths = {row.key.rpartition(".")[0] for row in rows if row.variable in call.variables}
    return len(paths) > 1 and all(path.startswith(f"{place}.") for path in paths)
