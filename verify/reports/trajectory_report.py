"""What a comparison of many training steps found: how far runs are apart, step by step."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from verify.reports.outcome import in_one_line
from verify.specs.about import About

SCHEMA = "tvn-trajectory-report/1"

# Of the way that the weights have come. A correct port was measured at 1e-13 to 1e-10.
SAME_TRAJECTORY_BOUND = 1e-8
# The port may stray this many times as far as the original's own runs stray from one another.
STRAY_FACTOR = 3.0


@dataclass(frozen=True, repr=False)
class TrajectoryReport:
    """Distances after each step, as shares of the way that the original has come in float64.

    `float64`: of the port from the original. In float32, `crossed`: of each run of the port from
    each of the original; `own`: of each run of the original from each other; `rounded`: of each run
    of the original from float64. `losses` of either side in float64, before each step.
    """

    name: str
    float64: Sequence[float]
    crossed: Sequence[Sequence[float]]
    own: Sequence[Sequence[float]]
    rounded: Sequence[Sequence[float]]
    losses: Mapping[str, Sequence[float]]
    about: About = field(default_factory=About)

    @property
    def stray(self) -> float:
        """How far the port's runs are from the original's, as a multiple of the yardstick.

        That is the larger of two distances: of the original's runs from one another, which misses
        what all of them round alike, and from float64. Medians over the runs, since one activation
        that changes sides in one run is chance; a geometric mean over the steps, since distances
        grow by orders of magnitude.
        """
        crossed, own, rounded = (
            np.median(distances, axis=1) for distances in (self.crossed, self.own, self.rounded)
        )
        return float(np.exp(np.mean(np.log(crossed / np.maximum(own, rounded)))))

    @property
    def first_failure(self) -> str | None:
        """The first step in float64 that is another, or `float32`."""
        for step, distance in enumerate(self.float64, 1):
            if not distance <= SAME_TRAJECTORY_BOUND:
                return f"float64, step {step}"
        return None if self.stray <= STRAY_FACTOR else "float32"

    @property
    def passed(self) -> bool:
        """Both precisions."""
        return self.first_failure is None

    @property
    def summary(self) -> str:
        """The outcome in one line."""
        steps = len(self.float64)
        if self.first_failure:
            return f"{self.name} leaves the original's course within {steps} steps, first in " + (
                self.first_failure
            )
        return (
            f"{self.name} stays on the original's course for {steps} steps "
            f"({self.float64[-1]:.1e} of the way in float64; in float32 {self.stray:.2f} times as "
            f"far off as the original from itself, {STRAY_FACTOR:g} is allowed)"
        )

    @property
    def worst(self) -> dict[str, float]:
        """How many steps there are, and the figures of both verdicts."""
        errors = {"float64_error": max(self.float64), "needed_factor": self.stray}
        return {"values": len(self.float64), **errors}

    def to_dict(self) -> dict[str, Any]:
        """The whole report as plain data."""
        return {
            "schema": SCHEMA,
            "name": self.name,
            "passed": self.passed,
            "first_failure": self.first_failure,
            "stray": self.stray,
            "stray_allowed": STRAY_FACTOR,
            "float64": list(self.float64),
            "crossed": [list(step) for step in self.crossed],
            "own": [list(step) for step in self.own],
            "rounded": [list(step) for step in self.rounded],
            "summary": self.summary,
            "about": self.about.to_dict(),
            "losses": {side: list(losses) for side, losses in self.losses.items()},
        }

    def __repr__(self) -> str:
        """One line."""
        return in_one_line(self)
