"""What a verification found: every tap's verdicts, as Python, JSON and HTML."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from verify.numerics.verdicts import SAME_PRECISION_FACTOR, Verdict

if TYPE_CHECKING:
    from verify.diagnosis.diagnose import Diagnosis

SCHEMA = "tvn-verify-report/1"


@dataclass(frozen=True, slots=True)
class TapReport:
    """One tap. A verdict is None where the port did not get as far as computing it.

    `other_weights`: the layer's variables that are not the original's bit for bit. They count
    even where no input that was tried shows the difference, as behind a channel that is dead.
    `isolates` is False where no layer was judged alone, because this port's cannot be.
    """

    name: str
    shape: tuple[int, ...]
    accumulated: Verdict | None
    isolated: Verdict | None
    other_weights: tuple[str, ...] = ()
    isolates: bool = True

    @property
    def passed(self) -> bool:
        """Both verdicts hold, from the input on and for the layer alone, on the same weights."""
        return not self.reason

    @property
    def reason(self) -> str:
        """Why it failed, in a few words; empty if it passed."""
        alone = {"isolated": self.isolated} if self.isolates else {}
        for how, verdict in (alone | {"accumulated": self.accumulated}).items():
            if verdict is None:
                return "the port did not compute it"
            if not verdict.same_function:
                return f"another function ({how})"
            if not verdict.same_precision:
                return f"less precise ({how})"
        return f"other weights: {', '.join(self.other_weights)}" if self.other_weights else ""

    @property
    def doubtful(self) -> bool:
        """Alone it passes, on the same weights; only what accumulates speaks against it."""
        alone = not self.isolates or (self.isolated is not None and self.isolated.passed)
        accumulates = self.accumulated is not None and self.accumulated.doubtful
        return alone and accumulates and not self.other_weights

    def to_dict(self) -> dict[str, Any]:
        """The figures, for JSON."""
        return {
            "name": self.name,
            "passed": self.passed,
            "reason": self.reason or None,
            "shape": list(self.shape),
            "accumulated": self.accumulated and self.accumulated.to_dict(),
            "isolated": self.isolated and self.isolated.to_dict(),
            "other_weights": list(self.other_weights),
        }


@dataclass(frozen=True)
class Report:
    """The outcome of one verification; `taps` in the order of computation.

    `further` are the outcomes of what else was judged, by name: probes, training, variants;
    `diagnosis` says why it failed (`verify.diagnosis.diagnose`), if it did and was looked into.
    """

    name: str
    taps: Sequence[TapReport]
    about: dict[str, Any] = field(default_factory=dict)
    further: Mapping[str, "Outcome"] = field(default_factory=dict)
    diagnosis: "Diagnosis | None" = None

    @property
    def passed(self) -> bool:
        """Every tap passed, there is at least one, and so did all that was judged besides."""
        taps = bool(self.taps) and all(tap.passed for tap in self.taps)
        return taps and all(outcome.passed for outcome in self.further.values())

    @property
    def first_failure(self) -> str | None:
        """The name of the first tap that failed: in order of computation, the port first."""
        own = (tap.name for tap in self.taps if not tap.passed)
        return next(own, None) or next(
            (o.first_failure for o in self.further.values() if not o.passed), None
        )

    @property
    def summary(self) -> str:
        """The outcome at the taps, in one line."""
        failed = [tap.name for tap in self.taps if not tap.passed]
        if failed or not self.taps:
            first = failed[0] if failed else "the start: there is none"
            return (
                f"{self.name} differs at {len(failed)} of {len(self.taps)} taps, first at {first}"
            )
        verdicts = [v for tap in self.taps for v in (tap.accumulated, tap.isolated) if v]
        needed = max(verdict.needed_factor for verdict in verdicts)
        alone = "" if all(tap.isolates for tap in self.taps) else "; not isolated"
        return (
            f"{self.name} is the same function at all {len(self.taps)} taps, and as precise (a "
            f"factor of {needed:.2f} would have done, {SAME_PRECISION_FACTOR:g} is allowed{alone})"
        )

    @property
    def worst(self) -> dict[str, float]:
        """How many taps there are, and the worst figures among the port's own."""
        verdicts = [v for tap in self.taps for v in (tap.accumulated, tap.isolated) if v]
        return {
            "values": len(self.taps),
            "float64_error": max((v.function.relative for v in verdicts), default=math.inf),
            "needed_factor": max((v.needed_factor for v in verdicts), default=math.inf),
        }

    def to_dict(self) -> dict[str, Any]:
        """The whole report as plain data."""
        return {
            "schema": SCHEMA,
            "name": self.name,
            "passed": self.passed,
            "first_failure": self.first_failure,
            "about": self.about,
            "taps": [tap.to_dict() for tap in self.taps],
            "further": {name: outcome.to_dict() for name, outcome in self.further.items()},
            "diagnosis": self.diagnosis and self.diagnosis.to_dict(),
        }

    def to_json(self) -> str:
        """The whole report as JSON; an infinite error is null there, since JSON has none."""
        return to_json(self.to_dict())

    def to_html(self) -> str:
        """The whole report as one self-contained page."""
        from verify.reports.page import render

        return render(self)


class Outcome(Protocol):
    """What every outcome of a verification can say."""

    @property
    def passed(self) -> bool:
        """Did all that was judged pass?"""
        ...

    @property
    def first_failure(self) -> str | None:
        """The first tap that failed, where a tap did."""
        ...

    @property
    def summary(self) -> str:
        """The outcome in one line."""
        ...

    @property
    def worst(self) -> dict[str, float]:
        """The worst figures, for a record that need not hold them all."""
        ...

    @property
    def about(self) -> dict[str, Any]:
        """What was compared."""
        ...

    def to_dict(self) -> dict[str, Any]:
        """The figures, for JSON."""
        ...


def to_json(data: dict[str, Any]) -> str:
    """Plain data as strict JSON, null in place of what is not finite."""
    return json.dumps(_finite(data), indent=1)


def _finite(value: Any) -> Any:
    """`value` with null in place of infinities and NaN, which strict JSON readers refuse."""
    match value:
        case dict():
            return {key: _finite(item) for key, item in value.items()}
        case list() | tuple():
            return [_finite(item) for item in value]
        case float() if not math.isfinite(value):
            return None
    return value
