"""Finding out which module of a port is which layer of its original, by following the data.

The port runs once in float64. Each module that has weights is about to read something: the layer
of the original that reads the same numbers, in whatever layout, and whose variables have fitting
shapes, is its counterpart. The module gets that layer's weights, and hands on what the layer
computed, so that a mistake in one module does not hide the next. Modules without weights are
recognised by what they compute, or else by what they read.

Where a mistake outside of all modules makes the trail end, the next layer in order that fits is
taken, and said so.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from verify.custom.layouts.fingerprint import Fingerprint
from verify.custom.layouts.guess import fits, gives, layout_of
from verify.custom.matching.alike_names import likeness, numbered_likeness
from verify.custom.matching.found import (
    BY_NAME,
    GIVEN,
    NAME,
    ORDER,
    READS,
    SHAPES,
    VALUES,
    Given,
    Match,
)
from verify.custom.matching.in_parts import are_inside, first_part
from verify.custom.matching.loose_weights import Pair, pair_fitting, pair_named, unclaimed
from verify.custom.matching.possible import Possible, calls_of
from verify.custom.matching.traced import fingerprint, is_data, mark
from verify.custom.matching.weightless import share
from verify.custom.matching.weights import (
    LOOSE,
    Row,
    load,
    own_state,
    possible_layouts,
    state_of,
)
from verify.custom.matching.whole_modules import is_whole
from verify.custom.matching.without_weights import Arguments, WithoutWeights
from verify.custom.matching.written import StepByStep, computes, is_step
from verify.custom.module.operations import is_operation
from verify.custom.module.outputs import first_tensor, with_first
from verify.custom.module.torch_module import Place, is_torchs_own, path_of
from verify.custom.originals.original import RETURNED, Call, is_output
from verify.runners.operation import Operation, tensors_in


class Matcher(WithoutWeights):
    """Follows the data through `module`, a copy in float64 that it fills with weights.

    Args:
        module: the port.
        calls: the original's layers at work.
        variables: the original's.
        given: what need not be found out.
        goes_on: what is not of its layer's shape is handed on as it is, not as the layer has it.
        unsafe: operations whose output must not be replaced.
    """

    def __init__(
        self,
        module: nn.Module,
        calls: Sequence[Call],
        variables: Mapping[str, np.ndarray],
        given: Given,
        goes_on: bool,
        unsafe: Collection[str] = (),
    ) -> None:
        super().__init__(module, calls, given, unsafe)
        self._goes_on, self._variables = goes_on, variables
        self._hold_others = set[str]()  # places inside which another module has worked
        self._layer_of = {path: tap for tap, path in given.modules.items()}
        self._tap_of = {place: tap for tap, place in given.places.items() if place}
        self._arguments: dict[str, Arguments] = {}
        self._filled: dict[str, tuple[str, ...]] = {}  # by module, the variables of its layer
        self._inside = set[str]()  # paths of what works as a part of its layer
        self._possible = Possible(variables, given, self._single)
        self._begun = set[str]()  # layers of which one module has some of the weights
        self._stepwise = StepByStep(given, self.found)
        load(module, given.rows, variables)
        self._fill_loose(own_variables_of(calls), state_of(module), pair_named, NAME)

    def before(
        self, place: str, module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> None:
        """A module is about to work: if it has weights, find its layer and take them from there."""
        operates = isinstance(module, Operation)
        arguments = (*args, *kwargs.values())
        tensors = [x for x in arguments if isinstance(x, Tensor)]
        if operates:
            tensors = [tensor for tensor in tensors_in(arguments) if is_data(tensor)]
        reads = [fingerprint(tensor) for tensor in tensors]
        call, path = None, path_of(place)
        is_part = operates or path in self._stepwise or path in self._inside
        if not is_part and (own_state(module) or self._is_written_layer(path, module)):
            call = self._layer(place, module, reads)
            if call is not None and path not in self._filled:
                self._fill(path, module, call, (args, kwargs))
            if call is not None:
                self._forget_parts(call)
                if is_step(call, (args, kwargs)):
                    self._left.pop(call.tap, None)
                    self._stepwise.begin(path, call)
            else:
                if path not in self._filled and own_state(module) and not is_whole(module):
                    self._begin(place, module, reads)
                own = {f"{path}.{n}": t for n, t in own_state(module).items()}
                self._fill_loose(self._variables, own, pair_named, NAME)
        if not operates:
            self._hold_others |= self._pending.keys()
        self._pending[place] = reads, call
        self._arguments[place] = args, kwargs, tensors

    def after(self, place: str, module: nn.Module, output: Any) -> Any:
        """A module has worked: find the tap of its output, and go on with the original's."""
        reads, call = self._pending.pop(place)
        self.worked.append(place)
        arguments = self._arguments.pop(place)
        if self._is_part(place):
            if path_of(place) in self._stepwise:
                return self._stepwise.after(path_of(place), module, output)
            return None
        tensor = first_tensor(output)
        if tensor is None or not tensor.is_floating_point():
            if call is not None:
                self._left.pop(call.tap, None)
            return None
        mark(tensor, place, arguments[2])
        if self._holds_all_parts(place, tensor) or self._moved_out(place, module, tensor):
            return None
        if (said := self._tap_of.get(place)) is not None:
            self._left.pop(call.tap if call else said, None)
            call = self._calls[said]
        elif call is not None:
            call = self._surely(place, module, call, tensor)
        if call is None and isinstance(module, Operation):
            call = self._computed(place, tensor, reads)
        elif call is None:
            call = self._without_weights(place, module, reads, tensor)
        if call is None:
            return None
        self._left.pop(call.tap, None)
        returned = self._left.get(f"{call.tap}{RETURNED}")
        if returned is not None and not fits(call.value, tensor) and fits(returned.value, tensor):
            call = self._left.pop(returned.tap)
        if (self._given.places.get(call.tap) or place) != place:
            return None  # it is found elsewhere
        layout = self._layout(call, tensor)
        if self._given.places.get(call.tap, place) is not None:
            self.found.places[call.tap] = Place(place, layout)
            self._placed[place] = call.tap
        self._look_in_front(place, module, arguments, call, tensor)
        if (before := self._unfit.pop(call.tap, None)) is not None:
            self.found.unfit.remove(before[1])
        unfit = not fits(call.value, tensor) and call.tap not in self._given.layouts
        if unfit and self._goes_on:  # or else nothing behind it can be it
            self.found.unfit.append(place)
            self._unfit[call.tap] = call, place
            return None
        right = torch.from_numpy(layout.to_port(call.value))
        mark(right, place)
        return with_first(module, output, right)

    def _is_part(self, place: str) -> bool:
        """Does it work as a part of a layer, or inside of such a part?"""
        parts = (path_of(each) for each in (place, *self._pending))
        return any(path in self._stepwise or path in self._inside for path in parts)

    def _surely(self, place: str, module: nn.Module, call: Call, output: Tensor) -> Call | None:
        """The layer whose weights a module has, if its output is that layer's, or may be.

        It is not where a module inside has put it out, where the module computes what another
        layer does (it fuses two), and where it holds others and has a parameter besides.
        """
        if call.tap not in self._left:
            return None
        if gives(output, call.value):
            return call
        computed = fingerprint(output)
        by_operations = [tap for at, tap in self._placed.items() if is_operation(at)]
        is_another = any(  # its own numbers in a wrong order are no other layer's
            self._values[tap].matches(computed) and gives(output, self._calls[tap].value)
            for tap in (*self._left, *by_operations)
            if not is_output(tap)
        )
        holds_others = place in self._hold_others and not is_torchs_own(module)
        holds_others &= not any(inner.startswith(f"{path_of(place)}.") for inner in self._inside)
        if is_another or holds_others:
            del self._left[call.tap]
            return None
        return call

    def fill_the_rest(self) -> tuple[list[Row], list[Match]]:
        """Modules that did not work themselves, their weights being used by others.

        Returns:
            Weights that were paired one by one, now that all others have a place.
        """
        for path, module in self._module.named_modules():
            if own_state(module) and path not in self._filled:
                call = self._layer(path, module, [])
                if call is not None:
                    self._fill(path, module, call, None)
                    del self._left[call.tap]
        rows, matches = len(self.found.rows), len(self.found.matches)
        self._fill_loose(self._variables, state_of(self._module), pair_fitting, SHAPES)
        return self.found.rows[rows:], self.found.matches[matches:]

    def _fill_loose(
        self,
        variables: Iterable[str],
        tensors: Mapping[str, Tensor],
        pair: Callable[[Mapping[str, Tensor], Mapping[str, np.ndarray]], Sequence[Pair]],
        sign: str,
    ) -> None:
        """Pair variables and tensors that nothing has claimed, and load them."""
        rows, given = self.found.rows, self._given
        if given.converted:
            return
        left, empty = unclaimed(rows, variables, tensors, self._module, given)
        for found in pair(empty, {name: self._variables[name] for name in left}):
            row = found.row
            # A square kernel of a module that torch has lies as that module's do.
            shape = self._variables[row.variable].shape
            layout = next(possible_layouts(self._module, row.key, shape, LOOSE), row.layout)
            row = replace(row, layout=layout)
            rows.append(row)
            self._single.append(row)
            load(self._module, [row], self._variables)
            match = Match(row.key, row.variable, sign, found.others, is_layer=False)
            self.found.matches.append(match)

    def _layer(self, place: str, module: nn.Module, reads: Sequence[Fingerprint]) -> Call | None:
        """The layer whose weights a module has to get, the surest sign first."""
        path = path_of(place)
        calls = calls_of(module, self._left.values())
        if path in self._filled:  # weights that are used more than once
            own = [call for call in calls if call.variables == self._filled[path]]
            own.sort(key=lambda call: not share(call.reads, reads))  # of equals the order stays
            return own[0] if own else None
        if path in self._layer_of:
            tap = self._layer_of[path]
            call = next((call for call in calls if call.tap == tap), None)
            if call is not None:
                self.found.matches.append(Match(place, call.tap, GIVEN))
            return call
        possible = [
            call
            for call in calls
            if not is_output(call.tap)
            and call.tap not in self._given.modules
            and self._possible.open(call)
            and next(self._possible.ways(path, module, call), None)
        ]
        if not possible:
            return None
        has_weights = self._given.loaded or self._given.converted
        holding = [
            call for call in possible if has_weights and self._possible.holds(path, module, call)
        ]
        reading = [
            call
            for call in holding or possible
            if share((*call.reads, *call.steps), reads) or call.tap in self._begun
        ]
        # Of what reads the same, numbers in names may tell; else sides count in ways of their own,
        # and a layer that has its module is left only because that one stopped at its work.
        unlikeness = (
            _unlikeness if reading else partial(_unlikeness_in_order, set(self._filled.values()))
        )
        like = sorted(reading or holding or possible, key=partial(unlikeness, path))
        first, *others = like
        named = all(likeness(first.tap, path) > likeness(call.tap, path) for call in others)
        sign = READS if reading else VALUES if holding else ORDER if others else SHAPES
        if reading and others and named:
            sign = BY_NAME
        reordered = any(read.reorders(other) for read in first.reads for other in reads)
        names = tuple(call.tap for call in others)
        self.found.matches.append(Match(place, first.tap, sign, names, reordered))
        return first

    def _begin(self, place: str, module: nn.Module, reads: Sequence[Fingerprint]) -> None:
        """A module may be the first part of a layer."""
        path = path_of(place)
        calls = [(c, self._possible.open(c)) for c in self._left.values() if share(c.reads, reads)]
        if self._given.converted:
            return
        found = first_part(path, module, calls, self._variables, self._given.port_only)
        if found is not None:
            call, rows = found
            self.found.rows += rows
            self._single += rows
            self._begun.add(call.tap)
            self._filled[path] = tuple(row.variable for row in rows)
            match = Match(place, rows[0].variable, READS, is_layer=False)
            self.found.matches.append(match)
            load(self._module, rows, self._variables)

    def _holds_all_parts(self, place: str, output: Tensor) -> bool:
        """Is it the module around those that are one layer? Then the layer is found there."""
        for tap in self._begun:
            call = self._calls[tap]
            placed = tap in self.found.places and tap not in self._given.places
            if placed and are_inside(place, call, self.found.rows) and gives(output, call.value):
                self.found.places[tap] = Place(place, layout_of(call.value, output))
                self._begun.discard(tap)
                return True
        return False

    def _forget_parts(self, call: Call) -> None:
        """The layers that a module is with `call`'s, and which worked before it."""
        for tap in list(self._left):
            if tap == call.tap:
                return
            own = set(self._left[tap].variables)
            if own and own < set(call.variables):
                del self._left[tap]

    def _is_written_layer(self, path: str, module: nn.Module) -> bool:
        """May a module without weights of its own be a layer that the port writes itself?"""
        left = self._left.values()
        return path not in self._filled and self._possible.is_written_in(path, module, left)

    def _fill(self, path: str, module: nn.Module, call: Call, arguments: Any) -> None:
        """Load the layer's weights, of several possible layouts the one that gives its values."""
        self._filled[path] = call.variables
        if is_whole(module):  # what is inside does not work by itself, on either side
            names = [name for name, _ in module.named_modules() if name]
            self._filled |= {f"{path}.{name}": call.variables for name in names}
        ways = list(self._possible.ways(path, module, call))
        chosen = ways[0] if ways else []
        if any("." in row.key.removeprefix(f"{path}.") for row in chosen):
            parts = {f"{path}.{name}" for name, _ in module.named_modules() if name}
            self._inside |= parts
            self._filled |= dict.fromkeys(parts, call.variables)
        if self._given.converted:
            return
        for way in ways if len(ways) > 1 and arguments else ():
            load(self._module, way, self._variables)
            if computes(call, self._calls, module, arguments):
                chosen = way
                break
        load(self._module, chosen, self._variables)
        self.found.rows += chosen


def _unlikeness(path: str, call: Call) -> tuple[float, int]:
    """By which the likeliest comes first; of equals the order stays."""
    return -likeness(call.tap, path), -numbered_likeness(call.tap, path)


def _unlikeness_in_order(
    taken: Collection[tuple[str, ...]], path: str, call: Call
) -> tuple[bool, float]:
    return call.variables in taken, -likeness(call.tap, path)


def own_variables_of(calls: Sequence[Call]) -> tuple[str, ...]:
    """Of the model itself, and of no layer."""
    return calls[-1].variables
