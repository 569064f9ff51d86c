"""What corresponds to what: checked for completeness, and told."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from torch import Tensor, nn

from port.errors import InputError
from verify.custom.matching.found import BY_NAME, Found, Match
from verify.custom.matching.weights import Row, empty, homeless, matches
from verify.custom.module.torch_module import Place
from verify.custom.originals.original import Call, is_output
from verify.specs.about import Matching


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
        """Modules that other layers fit as well, by the same sign, whose names say nothing."""
        return [m for m in self.found.matches if m.others and m.sign != BY_NAME]

    def guessed(self, said: Collection[str]) -> dict[str, str]:
        """By the tap of a layer without weights its place, but for those that are `said`."""
        without = {call.tap for call in self.calls if not (call.variables or is_output(call.tap))}
        return {
            tap: place.module
            for tap, place in self.places.items()
            if tap in without and tap not in said
        }

    def refuse_leftovers(
        self,
        module: nn.Module,
        variables: Mapping[str, np.ndarray],
        without: Sequence[str],
        port_only: Sequence[str],
    ) -> None:
        """Every variable must have its tensor, and every tensor its variable, but for the excepted.

        Raises:
            InputError: it lists them all.
        """
        left = [v for v in homeless(self.rows, variables) if not matches(v, without)]
        unfilled = [key for key in empty(self.rows, module) if not matches(key, port_only)]
        if left or unfilled:
            raise InputError(
                "weights: without a counterpart are "
                f"the original's {_with_shapes(left, variables) or '(none)'}; "
                f"the port's {_with_shapes(unfilled, module.state_dict()) or '(none)'}. "
                f"{_line(left, unfilled, variables, module.state_dict())}"
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
            tap = seeing.get(variable, self.calls[-1].tap)
            by_tap[tap] = (*by_tap.get(tap, ()), variable)
        return by_tap

    def summarise(self, module: nn.Module, variables: Mapping[str, np.ndarray]) -> Matching:
        """For the report: all of it, to be reviewed."""
        return Matching(
            weights={row.source: f"{row.target} ({row.layout})" for row in self.rows},
            taps={tap: f"{_where(p)} ({p.layout})" for tap, p in self.places.items()},
            recognised_by=Counter(match.sign for match in self.found.matches if match.tap),
            ambiguous=[_told(match) for match in self.doubtful],
            reordered=[match.place for match in self.found.matches if match.reordered],
            settled=self.settled,
            only_in_original=homeless(self.rows, variables) if self.rows else [],
            only_in_port=empty(self.rows, module) if self.rows else [],
            unplaced=[
                call.tap
                for call in self.calls
                if call.tap not in self.found.places and call.tap not in self.found.not_compared
            ],
            not_compared=self.found.not_compared,
            missing=[
                g.missing for g in self.found.gaps if g.missing and g.tap in self.found.places
            ],
        )


def _where(place: Place) -> str:
    return place.module or f"the port {place.output}".rstrip()


def _with_shapes(names: Sequence[str], arrays: Mapping[str, Any]) -> str:
    return ", ".join(f"{n} {'×'.join(map(str, arrays[n].shape)) or '(one)'}" for n in names)


def _line(
    left: Sequence[str],
    unfilled: Sequence[str],
    variables: Mapping[str, np.ndarray],
    state: Mapping[str, Tensor],
) -> str:
    """What to write, with names of either side; a pair of as many numbers, if there is one."""
    excepted = [f"without=[{name!r}]" for name in left[:1]]
    excepted += [f"port_only=[{key!r}]" for key in unfilled[:1]]
    fitting = ((v, k) for v in left for k in unfilled if variables[v].size == state[k].numel())
    pair = next(fitting, None)
    paired = f"weights={{{pair[0]!r}: {pair[1]!r}}}, or " if pair else ""
    return f"Say which belong together, or which have none: {paired}{', '.join(excepted)}"


def _told(match: Match) -> str:
    if not match.tap:
        return f"{match.place}: not compared by itself, since it may be {' or '.join(match.others)}"
    others = ", ".join(match.others)
    return f"{match.place}: {match.tap}, by {match.sign}; {others} would fit as well"
