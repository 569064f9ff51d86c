"""Finding out which operations and modules without weights are which layers of the original.

They are recognised by what they compute, or else by what they read. Of an operation that is no
module only the first is a sign: `x + 3` reads what a hard sigmoid reads, and is none. One that
computes something wrong is found by what reads it, see `verify.custom.matching.gaps`.
"""

from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Any

from torch import Tensor, nn

from verify.custom.layouts.fingerprint import Fingerprint
from verify.custom.layouts.guess import fits, gives, gives_in, layout_of
from verify.custom.layouts.layout import Layout
from verify.custom.matching.found import COMPUTES, READS, Found, Given, Match
from verify.custom.matching.gaps import Reader, gap_in_front
from verify.custom.matching.in_order import in_order
from verify.custom.matching.traced import fingerprint, made_at, mark
from verify.custom.matching.weightless import computing_or_reading, share
from verify.custom.matching.weights import own_state
from verify.custom.module.operations import is_operation
from verify.custom.module.torch_module import path_of
from verify.custom.originals.original import Call, is_output
from verify.runners.operation import Operation

# What a place is called with, and the tensors among that.
Arguments = tuple[tuple[Any, ...], dict[str, Any], list[Tensor]]


class WithoutWeights:
    """What is known of a port on its way, and the layers of which no module has weights.

    Args:
        module: the port.
        calls: the original's layers at work.
        given: what need not be found out.
        unsafe: operations whose output must not be replaced.
    """

    def __init__(
        self, module: nn.Module, calls: Sequence[Call], given: Given, unsafe: Collection[str]
    ) -> None:
        self._module, self._given, self._unsafe = module, given, unsafe
        self._calls = {call.tap: call for call in calls}
        self._left = dict(self._calls)
        self._values = {call.tap: Fingerprint.of(call.value) for call in calls}
        self._pending: dict[str, tuple[list[Fingerprint], Call | None]] = {}
        self._placed: dict[str, str] = {}  # by place its tap
        self._single = list(given.rows)  # of weights that were paired one by one
        self._unfit: dict[str, tuple[Call, str]] = {}  # whose shape is made right behind them
        self.worked: list[str] = []  # places, in the order in which they were done
        self.found = Found(list(given.rows))

    def put_in_order(self) -> None:
        """See `verify.custom.matching.in_order`."""
        calls, found = list(self._calls.values()), self.found
        fixed = self._given.places
        found.places = in_order(found.places, calls, self._values, self.worked, fixed)

    def _layout(self, call: Call, output: Tensor) -> Layout:
        """In which layout an output is a call's value; flattened as the user says, if so."""
        if call.tap in self._given.layouts:
            return self._given.layouts[call.tap]
        flattened = [row.layout.of_what_is_read() for row in self._given.rows]
        for layout in flattened if tuple(output.shape) == call.value.shape else ():
            if layout and output.ndim == 2 and gives_in(layout, output, call.value):
                return layout
        return layout_of(call.value, output)

    def returned(self, tap: str, output: Tensor) -> None:
        """The port has returned it for an output: is that what it should have been?"""
        if not output.is_floating_point():
            return
        call = self._calls[tap]
        last = replace(call, reads=(self._values[tap],))
        mark(output, "")
        self._look_in_front("", nn.Identity(), ((output,), {}, [output]), last, output)

    def _look_in_front(
        self, place: str, module: nn.Module, arguments: Arguments, call: Call, output: Tensor
    ) -> None:
        """Where a place computes otherwise than its layer, what it read may be wrong."""
        if gives(output, call.value):
            return
        reader = Reader(place, module, *arguments, call)
        cropped = [c for c in self._cropped() if any(fits(c.value, x) for x in reader.tensors)]
        left = [*self._open_calls(), *cropped]
        gap = gap_in_front(
            reader, self._calls, self._values, left, self._placed, self._may_be_layer
        )
        if gap is not None and gap.missing and gap.tap in self._unfit:
            return  # what its module puts out may fit once what is wrong in front of it does
        if gap is not None and gap.place not in self._unsafe:
            self.found.gaps.append(gap)
            self._left.pop(gap.tap, None)

    def _open_calls(self) -> list[Call]:
        """Those without a place whose variables, if any, no module without others has."""
        loose = {row.variable for row in self._single}
        for place, (_, call) in self._pending.items():
            if call is not None and any(self._module.get_submodule(path_of(place)).children()):
                loose.update(call.variables)
        return [
            call
            for call in self._left.values()
            if not is_output(call.tap)
            and call.tap not in self._given.places
            and loose.issuperset(call.variables)
        ]

    def _cropped(self) -> list[Call]:
        """Layers whose module puts out another shape: what stands behind it may be they."""
        calls = (call for call, _ in self._unfit.values())
        return [call for call in calls if call.tap not in self._given.places]

    def _may_be_layer(self, place: str) -> bool:
        """An operation, or a module that is not made of others."""
        if is_operation(place):
            return True
        module = self._module.get_submodule(path_of(place))
        return not own_state(module) and not any(module.children())

    def _moved_out(self, place: str, module: nn.Module, output: Tensor) -> bool:
        """Does a module without weights return what an operation inside it has as its tap?"""
        tap = self._placed.get(made_at(output))
        if tap is None or isinstance(module, Operation) or own_state(module):
            return False
        if any(module.children()) or not is_operation(made_at(output)):
            return False
        if self.found.places[tap].module == made_at(output) and tap not in self._given.places:
            self.found.places[tap] = replace(self.found.places[tap], module=place)
        return True

    def _computed(self, place: str, output: Tensor, reads: Sequence[Fingerprint]) -> Call | None:
        """The layer without weights that computes what an operation does, number by number."""
        if place in self._unsafe:
            return None
        computed = fingerprint(output)
        same = [
            call
            for call in (*self._open_calls(), *self._cropped())
            if self._values[call.tap].matches(computed)
            and gives_in(self._layout(call, output), output, call.value)
        ]
        same.sort(key=lambda call: not share(call.reads, reads))  # the sort is stable
        if not same:
            return None
        self.found.matches.append(Match(place, same[0].tap, COMPUTES))
        return same[0]

    def _without_weights(
        self, place: str, module: nn.Module, reads: Sequence[Fingerprint], output: Tensor
    ) -> Call | None:
        """The tap of what a module computes: the same numbers, or else read from the same."""
        computed = fingerprint(output)
        calls = [
            call
            for call in self._left.values()
            if not is_output(call.tap) and call.tap not in self._given.places
        ]
        alike = [
            call for call in (*calls, *self._cropped()) if self._values[call.tap].matches(computed)
        ]
        sign, fitting = computing_or_reading(
            module, alike, calls, reads, output, computed, self._calls.values()
        )
        if not fitting:
            return None
        first, *others = fitting
        if sign is READS and others:  # which of them, nothing says
            names = tuple(call.tap for call in fitting)
            self.found.matches.append(Match(place, "", READS, names))
            return None
        self.found.matches.append(Match(place, first.tap, sign))
        return first
