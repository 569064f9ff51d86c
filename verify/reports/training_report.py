"""What a comparison in training found: a row for everything that a step computes."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from verify.numerics.compare import Difference
from verify.numerics.verdicts import (
    FLOAT32_ROUNDING,
    GRANTED_ROUNDINGS,
    SAME_PRECISION_FACTOR,
    factor_needed,
)
from verify.reports.outcome import Explanation, Reason, explain, in_one_line
from verify.specs.about import About
from verify.specs.training_spec import gradient_of

SCHEMA = "tvn-training-report/1"

# In float64, of a value's largest magnitude. Batch norm's backward pass amplifies rounding: a
# correct port was measured at 1e-13 forward and 4e-13 to 2e-10 in its gradients.
FORWARD_BOUND = 1e-10
GRADIENT_BOUND = 1e-9
# A larger difference is never put down to rounding.
DOUBTFUL_DIFFERENCE = 1e-6


def bound_of(name: str) -> float:
    """What a value of a step may differ by in float64, of its largest magnitude."""
    return GRADIENT_BOUND if name.startswith(gradient_of("")) else FORWARD_BOUND


@dataclass(frozen=True, slots=True)
class StepErrors:
    """One value of one batch, each side's difference from the original in float64.

    `function` is the port's in float64, `port` and `original` those of either side's float32.
    `unit` is what errors are measured in: the value's largest magnitude, or more where the value
    itself is what cancellation left.
    """

    function: Difference
    port: Difference
    original: Difference
    unit: float

    def shares(self, error: Difference) -> tuple[float, float]:
        """The largest and the root-mean-square error, in units."""
        return _share(error.maximum, self.unit), _share(error.rms, self.unit)


@dataclass(frozen=True, slots=True)
class ValueReport:
    """One value, over all batches; `steps` is empty where the port did not compute it.

    `explained`: after a second look, the float64 difference that the original's own rounding
    explains, in units.
    """

    name: str
    shape: tuple[int, ...]
    bound: float
    steps: Sequence[StepErrors]
    explained: float = 0.0

    @property
    def passed(self) -> bool:
        """Both verdicts hold."""
        return self.reason is None

    @property
    def reason(self) -> Reason | None:
        """Why it failed; None if it passed."""
        if not self.steps:
            return Reason.NOT_COMPUTED
        if not self.float64_error <= max(self.bound, self.explained):
            return Reason.OTHER_FUNCTION
        if not self.needed_factor <= SAME_PRECISION_FACTOR:
            return Reason.LESS_PRECISE
        return None

    @property
    def doubtful(self) -> bool:
        """It fails by no more than a net that magnifies rounding could do to a right port."""
        return self.bound < self.float64_error <= DOUBTFUL_DIFFERENCE

    @property
    def float64_error(self) -> float:
        """The port's largest error in float64 in any batch, in units."""
        return max((step.shares(step.function)[0] for step in self.steps), default=np.inf)

    @property
    def port_float32_errors(self) -> list[float]:
        """Each batch's largest error, in units."""
        return [step.shares(step.port)[0] for step in self.steps]

    @property
    def original_float32_errors(self) -> list[float]:
        """Likewise."""
        return [step.shares(step.original)[0] for step in self.steps]

    @property
    def ratio(self) -> float:
        """The port's median float32 error as a multiple of the original's median; to look at."""
        if not self.steps:
            return np.inf
        port, original = np.median(self.port_float32_errors), self.original_float32_errors
        return factor_needed(float(port), float(np.median(original)))

    @property
    def needed_factor(self) -> float:
        """The factor at which the port would just have been found as precise.

        The port's best batch is held against the original's worst. An activation that changes
        sides makes a gradient jump by orders of magnitude, on either side, in some batches and
        not in others; a port that computes less precisely is worse in all of them.
        """
        if not self.steps:
            return np.inf
        port = np.array([step.shares(step.port) for step in self.steps])
        original = np.array([step.shares(step.original) for step in self.steps])
        granted = GRANTED_ROUNDINGS * FLOAT32_ROUNDING
        pairs = zip(port.min(0) - granted, original.max(0), strict=True)
        return max(factor_needed(float(found), float(yardstick)) for found, yardstick in pairs)

    @property
    def cancelled(self) -> bool:
        """The value is what cancellation left, and was measured in a larger unit."""
        return any(step.unit > step.function.scale for step in self.steps)

    def to_dict(self) -> dict[str, Any]:
        """The figures, for JSON."""
        return {
            "name": self.name,
            "passed": self.passed,
            "reason": self.reason,
            "shape": list(self.shape),
            "scale": [step.function.scale for step in self.steps],
            "cancelled": self.cancelled,
            "float64_error": self.float64_error,
            "float64_bound": self.bound,
            "explained_float64_error": self.explained,
            "port_float32_errors": self.port_float32_errors,
            "original_float32_errors": self.original_float32_errors,
            "ratio": self.ratio,
            "needed_factor": self.needed_factor,
        }


@dataclass(frozen=True, repr=False)
class TrainingReport:
    """The outcome; `values` in the order of computation, forward and then back from the loss.

    `diagnosis`: why it failed, where that was asked.
    """

    name: str
    values: Sequence[ValueReport]
    about: About = field(default_factory=About)
    diagnosis: Explanation | None = None

    @property
    def passed(self) -> bool:
        """Every value passed, and there is at least one."""
        return bool(self.values) and all(value.passed for value in self.values)

    @property
    def first_failure(self) -> str | None:
        """The first value, in order of computation, that failed.

        What is wrong there cannot come from anything computed before it; most of what is wrong
        behind it follows from it.
        """
        return next((value.name for value in self.values if not value.passed), None)

    @property
    def summary(self) -> str:
        """The outcome in one line."""
        failed = [value.name for value in self.values if not value.passed]
        if failed or not self.values:
            first = failed[0] if failed else "the start: there is none"
            return (
                f"{self.name} differs at {len(failed)} of {len(self.values)} values, first at "
                f"{first}"
            )
        worst = self.worst
        return (
            f"{self.name} is the same function at all {len(self.values)} values of a step "
            f"({worst['float64_error']:.1e} in float64), and as precise (needs a factor of "
            f"{worst['needed_factor']:.2f}; {SAME_PRECISION_FACTOR:g} is allowed)"
        )

    @property
    def worst(self) -> dict[str, float]:
        """How many values there are, and the worst figures among them."""
        return {
            "values": len(self.values),
            "float64_error": max((v.float64_error for v in self.values), default=np.inf),
            "needed_factor": max((v.needed_factor for v in self.values), default=np.inf),
        }

    def to_dict(self) -> dict[str, Any]:
        """The whole report as plain data."""
        return {
            "schema": SCHEMA,
            "name": self.name,
            "passed": self.passed,
            "first_failure": self.first_failure,
            "summary": self.summary,
            "about": self.about.to_dict(),
            "diagnosis": explain(self.diagnosis),
            "values": [value.to_dict() for value in self.values],
        }

    def __repr__(self) -> str:
        """One line."""
        return in_one_line(self)


def _share(error: float, unit: float) -> float:
    if error == 0:
        return 0.0
    return error / unit if unit > 0 else np.inf
