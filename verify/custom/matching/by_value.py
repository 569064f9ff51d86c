"""Finding variables in a port by their values, once a function of the user's has converted them."""

from collections import Counter
from collections.abc import Mapping

import numpy as np
from torch import nn

from verify.custom.matching.weights import LOOSE, Row, possible_layouts, state_of


def rows_by_value(module: nn.Module, variables: Mapping[str, np.ndarray]) -> list[Row]:
    """The variables that are one tensor of the port each, and no other variable is that tensor.

    Values of float32 tell almost all weights apart; zeros, or what was folded or split, they do
    not.
    """
    rows: dict[str, list[Row]] = {}
    for name, value in variables.items():
        for key, tensor in state_of(module).items():
            if tensor.numel() == value.size:
                held = tensor.detach().numpy()
                layouts = possible_layouts(module, key, value.shape, LOOSE)
                fit = (each for each in layouts if np.array_equal(each.to_port(value), held))
                rows.setdefault(name, []).extend(Row(name, key, each) for each in [*fit][:1])
    alone = [found[0] for found in rows.values() if len(found) == 1]
    claims = Counter(row.key for found in rows.values() for row in found)
    return [row for row in alone if claims[row.key] == 1]
