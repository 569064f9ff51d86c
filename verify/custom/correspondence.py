"""What corresponds to what: checked for completeness, and told."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from torch import nn

from port.errors import InputError
from verify.custom.found import BY_NAME, Found, Match
from verify.custom.original import OUTPUT, Call
from verify.custom.torch_module import Place
from verify.custom.weights import Row, matches, state_of
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
            unplaced=[
                call.tap
                for call in self.calls
                if call.tap not in self.found.places and call.tap not in self.found.not_compared
            ],
            not_compared=self.found.not_compared,
        )


def _told(match: Match) -> str:
    if not match.tap:
        return f"{match.place}: not compared by itself, since it may be {' or '.join(match.others)}"
    others = ", ".join(match.others)
    return f"{match.place}: {match.tap}, by {match.sign}; {others} would fit as well"
