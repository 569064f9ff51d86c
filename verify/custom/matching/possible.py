"""Which layers a module may be by the shapes of its weights, and where each weight would lie."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import chain

import numpy as np
from torch import nn

from verify.custom.matching.found import Given
from verify.custom.matching.weights import Row, matches, own_state, possible_rows, state_of
from verify.custom.matching.whole_modules import depth, is_whole, stacked, whole_rows
from verify.custom.matching.written import is_written, written_rows
from verify.custom.module.torch_module import is_torchs_own
from verify.custom.originals.original import Call


class Possible:
    """Which ways are open, while weights are given away.

    Args:
        variables: the original's.
        given: what the user says.
        single: rows of weights that were paired one by one; the list grows.
    """

    def __init__(
        self, variables: Mapping[str, np.ndarray], given: Given, single: Sequence[Row]
    ) -> None:
        self._variables, self._given, self._single = variables, given, single

    def open(self, call: Call) -> list[str]:
        """The variables of a layer that still need a place in the port."""
        named = {row.variable for row in self._single}
        without = self._given.without
        return [v for v in call.variables if v not in named and not matches(v, without)]

    def ways(self, path: str, module: nn.Module, call: Call) -> Iterator[list[Row]]:
        """How the layer's variables can lie in the module; none, if shapes forbid it."""
        port_only = [*self._given.port_only, *(row.key for row in self._single)]
        variables = {name: self._variables[name] for name in self.open(call)}
        if is_whole(module):
            return whole_rows(path, module, variables, port_only)
        written = written_rows(path, module, variables) if is_written(module) else ()
        if not own_state(module):
            return iter(written)
        return chain(possible_rows(path, module, variables, port_only), written)

    def holds(self, path: str, module: nn.Module, call: Call) -> bool:
        """Are the layer's weights in the module already, in some layout?"""
        own = {f"{path}.{name}" if path else name: t for name, t in state_of(module).items()}
        return any(
            all(np.array_equal(row.held(own), row.value(self._variables)) for row in way)
            for way in self.ways(path, module, call)
        )

    def is_written_in(self, path: str, module: nn.Module, left: Collection[Call]) -> bool:
        """May a module without weights of its own be a layer with all that is inside of it?"""
        if not state_of(module) or is_torchs_own(module):
            return False
        return any(next(self.ways(path, module, call), None) for call in calls_of(module, left))


def calls_of(module: nn.Module, left: Collection[Call]) -> list[Call]:
    """The calls left, as a module may be them: with what is inside, and stacked."""
    if not is_whole(module) and own_state(module):
        return list(left)
    whole = [replace(call, variables=call.variables + call.inside) for call in left]
    chains = stacked(whole, depth(module)) if depth(module) > 1 else ()
    return [call for call in (*chains, *whole) if call.variables]
