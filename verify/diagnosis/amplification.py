"""What a net makes of errors on their way: how much of a layer's error it did not make itself."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from verify.reports.report import TapReport

# Below this an error is nothing but rounding of single values, whose quotients say nothing.
NOTHING = 1e-18
# A layer is said to magnify an error where it does so more than this.
NOTABLE = 2.0


@dataclass(frozen=True, slots=True)
class Amplification:
    """At one tap, in float64: the errors as shares of its largest magnitude.

    `factor` is the accumulated error as a multiple of the layer's own; `growth` as a multiple of
    the largest at any tap before.
    """

    tap: str
    accumulated: float
    own: float
    factor: float | None
    growth: float | None

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


def amplification(taps: Sequence[TapReport]) -> list[Amplification]:
    """Of every tap that the port computes, in the order of computation."""
    found: list[Amplification] = []
    largest = 0.0
    for tap in taps:
        if tap.accumulated is None or tap.isolated is None:
            continue
        error, own = tap.accumulated.function.relative, tap.isolated.function.relative
        factor = error / own if own > NOTHING else None
        growth = error / largest if largest > NOTHING else None
        found.append(Amplification(tap.name, error, own, factor, growth))
        largest = max(largest, error)
    return found


def steepest(taps: Sequence[TapReport], number: int = 3) -> list[Amplification]:
    """Where the error grows most, if the layer that makes it grow is right by itself."""
    right = {tap.name for tap in taps if tap.isolated and tap.isolated.same_function}
    grown = [e for e in amplification(taps) if (e.growth or 0) > NOTABLE and e.tap in right]
    return sorted(grown, key=lambda each: each.growth or 0, reverse=True)[:number]
