"""What a net makes of errors on their way: how much of a layer's error it did not make itself."""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from verify.numerics.verdicts import Verdict
from verify.reports.report import TapReport

# Below this an error is nothing but rounding of single values, whose quotients say nothing.
NOTHING = 1e-18
# A layer is said to magnify an error where it does so more than this.
NOTABLE = 2.0


@dataclass(frozen=True, slots=True)
class Amplification:
    """At one tap, in one precision: the errors as shares of its largest magnitude.

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


def amplification(taps: Sequence[TapReport], precision: str = "float64") -> list[Amplification]:
    """Of every tap that the port computes, in the order of computation."""
    found: list[Amplification] = []
    largest = 0.0
    for tap in taps:
        if tap.accumulated is None or tap.isolated is None:
            continue
        error, own = _error(tap.accumulated, precision), _error(tap.isolated, precision)
        factor = error / own if own > NOTHING else None
        growth = error / largest if largest > NOTHING else None
        found.append(Amplification(tap.name, error, own, factor, growth))
        largest = max(largest, error)
    return found


def steepest(taps: Sequence[TapReport], number: int = 3) -> list[Amplification]:
    """Where the error that fails grows most, at layers that are right by themselves.

    Behind a layer that is wrong by itself these are taps that its error has reached, and growth is
    counted from there: rounding in front of it, or beside it, is no error that anything magnifies.
    Where no layer is wrong by itself, it is rounding that grows until the first tap fails.
    """
    reached = {tap.name: _fails(tap.accumulated) for tap in taps}
    precision = "float64" if "float64" in reached.values() else "float32"
    failing = [tap for tap in taps if reached[tap.name] == precision]
    if not failing:
        return []
    wrong = any(_fails(tap.isolated) == precision for tap in taps)
    way = failing if wrong else taps[: taps.index(failing[0]) + 1]
    right = {tap.name for tap in way if not _fails(tap.isolated)}
    grown = [each for each in amplification(way, precision) if each.tap in right]
    notable = [each for each in grown if NOTABLE < (each.growth or 0) < math.inf]
    return sorted(notable, key=lambda each: each.growth or 0, reverse=True)[:number]


def _error(verdict: Verdict, precision: str) -> float:
    return (verdict.function if precision == "float64" else verdict.port).relative


def _fails(verdict: Verdict | None) -> str | None:
    """The precision in which there is more than rounding, float64 if in both."""
    if verdict is None or verdict.passed:
        return None
    return "float32" if verdict.same_function else "float64"
