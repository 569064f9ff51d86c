"""What corresponds to what: checked for completeness, settled where in doubt, and told."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor, nn

from port.errors import InputError
from verify.custom.fingerprint import agree
from verify.custom.matching import Found, Match
from verify.custom.original import OUTPUT, Call
from verify.custom.torch_module import Place, to_original
from verify.custom.weights import Row, load, matches, state_of
from verify.runners.pytorch import REFUSALS
from verify.specs.about import Matching

# Exchanges of equal-shaped layers that are tried, where the outputs do not agree.
TRIES = 24
AGREE = "the outputs agree in float64, so the weights are where they belong"
CLEAR = "the outputs differ in float64; which layer has which weights is in no doubt"
OPEN = "the outputs differ in float64, so it is open whether each layer has its own weights"
SWAPPED = "the outputs agree in float64 once {} and {} are exchanged, which was done"


@dataclass(frozen=True)
class Correspondence:
    """What was found between a port and `calls` of its original, in the order of computation."""

    found: Found
    calls: Sequence[Call]
    settled: str = ""

    @property
    def rows(self) -> list[Row]:
        """Which variable is which tensor."""
        return self.found.rows

    @property
    def places(self) -> dict[str, Place]:
        """Where each tap is found in the port."""
        places = self.found.places
        return {call.tap: places[call.tap] for call in self.calls if call.tap in places}

    @property
    def doubtful(self) -> list[Match]:
        """Modules that other layers fit as well, by the same sign."""
        return [match for match in self.found.matches if match.others]

    def homeless(self, variables: Iterable[str]) -> list[str]:
        """The variables that are nowhere in the port."""
        placed = {row.variable for row in self.rows}
        return [variable for variable in variables if variable not in placed]

    def empty(self, module: nn.Module) -> list[str]:
        """The port's tensors that are no variable's."""
        filled = {row.key for row in self.rows}
        return [key for key in state_of(module) if key not in filled]

    def refuse_leftovers(
        self,
        module: nn.Module,
        variables: Iterable[str],
        without: Sequence[str],
        port_only: Sequence[str],
    ) -> None:
        """Every variable must have its tensor, and every tensor its variable, but for the excepted.

        Raises:
            InputError: it lists them all.
        """
        homeless = [v for v in self.homeless(variables) if not matches(v, without)]
        empty = [key for key in self.empty(module) if not matches(key, port_only)]
        if homeless or empty:
            raise InputError(
                "weights: without a counterpart are "
                f"the original's {', '.join(homeless) or '(none)'}; "
                f"the port's {', '.join(empty) or '(none)'}. "
                "Name them in `weights` or `layers`, or in `without` and `port_only`"
            )

    def by_tap(self, variables: Iterable[str]) -> dict[str, tuple[str, ...]]:
        """The variables by the first tap that sees them."""
        seeing: dict[str, str] = {}
        waiting: list[str] = []
        for call in self.calls:
            waiting += call.variables
            if call.tap in self.found.places:
                seeing |= dict.fromkeys(waiting, call.tap)
                waiting = []
        by_tap: dict[str, tuple[str, ...]] = {}
        for variable in variables:
            tap = seeing.get(variable, OUTPUT)
            by_tap[tap] = (*by_tap.get(tap, ()), variable)
        return by_tap

    def summarise(self, module: nn.Module, variables: Iterable[str]) -> Matching:
        """For the report: all of it, to be reviewed."""
        return Matching(
            weights={row.variable: f"{row.key} ({row.layout})" for row in self.rows},
            taps={tap: f"{p.module or 'the port'} ({p.layout})" for tap, p in self.places.items()},
            recognised_by=Counter(match.sign for match in self.found.matches if match.tap),
            ambiguous=[_told(match) for match in self.doubtful],
            reordered=[match.place for match in self.found.matches if match.reordered],
            settled=self.settled,
            only_in_original=self.homeless(variables) if self.rows else [],
            only_in_port=self.empty(module) if self.rows else [],
            unplaced=[c.tap for c in self.calls if c.tap not in self.found.places],
        )


def settle(
    correspondence: Correspondence,
    module: nn.Module,
    variables: Mapping[str, np.ndarray],
    run: Callable[[nn.Module], Tensor],
) -> Correspondence:
    """Let the outputs decide: does the port, with these weights, compute what the original does?

    Where it does not, doubtful layers are exchanged with those that fit as well.

    Args:
        correspondence: what was found.
        module: the port in float64; its weights are changed.
        variables: the original's.
        run: runs the port on the inputs that the original ran on.
    """
    truth, place = correspondence.calls[-1].value, correspondence.found.places[OUTPUT]

    def agrees(rows: Sequence[Row]) -> bool:
        load(module, rows, variables)
        try:
            with torch.no_grad():
                return agree(to_original(run(module), place.layout), truth)
        except REFUSALS:
            return False

    if agrees(correspondence.rows):
        return replace(correspondence, settled=AGREE)
    for match, other in _exchanges(correspondence)[:TRIES]:
        found = exchanged(correspondence, match.tap, other)
        if agrees(found.rows):
            return replace(correspondence, found=found, settled=SWAPPED.format(match.tap, other))
    return replace(correspondence, settled=OPEN if correspondence.doubtful else CLEAR)


def exchanged(correspondence: Correspondence, tap: str, other: str) -> Found:
    """With the counterparts of two layers exchanged."""
    calls = {call.tap: call.variables for call in correspondence.calls}
    # Without a layer of the name it is a variable that is exchanged.
    pairs = list(zip(calls.get(tap, (tap,)), calls.get(other, (other,)), strict=True))
    partner = dict(pairs) | {b: a for a, b in pairs}
    found, places = correspondence.found, dict(correspondence.found.places)
    if tap in places and other in places:
        places[tap], places[other] = places[other], places[tap]
    rows = [replace(row, variable=partner.get(row.variable, row.variable)) for row in found.rows]
    return replace(found, rows=rows, places=places)


def _exchanges(correspondence: Correspondence) -> list[tuple[Match, str]]:
    return [(m, other) for m in correspondence.doubtful if m.tap for other in m.others]


def _told(match: Match) -> str:
    if not match.tap:
        return f"{match.place}: not compared by itself, since it may be {' or '.join(match.others)}"
    others = ", ".join(match.others)
    return f"{match.place}: {match.tap}, by {match.sign}; {others} would fit as well"
