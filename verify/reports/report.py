"""What a verification found: every tap's verdicts, as Python, JSON and a page."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from verify.numerics.error_map import ErrorMap
from verify.numerics.verdicts import SAME_PRECISION_FACTOR, Verdict
from verify.reports import page
from verify.reports.outcome import Explanation, Outcome, Reason, explain, in_one_line, to_json
from verify.specs.about import About
from verify.specs.spec import Stage

# Of `report.schema.json`. What is added to it changes no number, what changes it does.
SCHEMA = "tvn-verify-report/1"


@dataclass(frozen=True, slots=True)
class TapReport:
    """One tap. A verdict is None where the port did not get as far as computing it.

    `other_weights`: the layer's variables that are not the original's bit for bit. They count
    even where no input that was tried shows the difference, as behind a channel that is dead.
    `isolates` is False where no layer was judged alone, because this port's cannot be. `error_map`
    says where the layer's own error is, where that was kept.
    """

    name: str
    shape: tuple[int, ...]
    accumulated: Verdict | None
    isolated: Verdict | None
    other_weights: tuple[str, ...] = ()
    isolates: bool = True
    error_map: ErrorMap | None = None

    @property
    def passed(self) -> bool:
        """Both verdicts hold, from the input on and for the layer alone, on the same weights."""
        return self.reason is None

    @property
    def reason(self) -> Reason | None:
        """Why it failed; None if it passed."""
        alone = {"isolated": self.isolated} if self.isolates else {}
        for how, verdict in (alone | {"accumulated": self.accumulated}).items():
            if verdict is None:
                return Reason.NOT_COMPUTED
            if not verdict.same_function:
                return Reason[f"OTHER_FUNCTION_{how.upper()}"]
            if not verdict.same_precision:
                return Reason[f"LESS_PRECISE_{how.upper()}"]
        return Reason.OTHER_WEIGHTS if self.other_weights else None

    @property
    def wrong_alone(self) -> bool:
        """It is wrong by itself, whatever came in front of it."""
        if self.other_weights or not self.isolates:
            return not self.passed
        return self.isolated is None or not self.isolated.passed

    @property
    def complaint(self) -> str:
        """The reason, and of other weights which; empty if it passed."""
        if self.reason is Reason.OTHER_WEIGHTS:
            return f"{self.reason}: {', '.join(self.other_weights)}"
        return self.reason or ""

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
            "reason": self.complaint or None,
            "shape": list(self.shape),
            "accumulated": self.accumulated and self.accumulated.to_dict(),
            "isolated": self.isolated and self.isolated.to_dict(),
            "other_weights": list(self.other_weights),
            "error_map": self.error_map and self.error_map.to_dict(),
        }


@dataclass(frozen=True, repr=False)
class Report:
    """The outcome of one verification; `taps` in the order of computation.

    `further` are the outcomes of what else was judged, by name: probes, training, variants;
    `diagnosis` says why it failed (`verify.diagnosis.diagnose`), if it did and was looked into;
    `stages` are the parts that the net was run in; `made`: when, where and with which versions.
    """

    name: str
    taps: Sequence[TapReport]
    about: About = field(default_factory=About)
    further: Mapping[str, Outcome] = field(default_factory=dict)
    diagnosis: Explanation | None = None
    stages: Sequence[Stage] = ()
    made: Mapping[str, Any] = field(default_factory=dict)

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
    def guilty(self) -> list[TapReport]:
        """The taps that are wrong by themselves; if none is, the first that failed."""
        failed = [tap for tap in self.taps if not tap.passed]
        alone = [tap for tap in failed if tap.wrong_alone]
        return alone or failed[:1]

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
            f"{self.name} is the same function at all {len(self.taps)} taps, and as precise "
            f"(needs a factor of {needed:.2f}; {SAME_PRECISION_FACTOR:g} is allowed{alone})"
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
            "summary": self.summary,
            "about": self.about.to_dict(),
            "made": dict(self.made),
            "stages": [stage.to_dict() for stage in self.stages],
            "guilty": [tap.name for tap in self.guilty],
            "taps": [tap.to_dict() for tap in self.taps],
            "further": {name: outcome.to_dict() for name, outcome in self.further.items()},
            "diagnosis": explain(self.diagnosis),
        }

    def __repr__(self) -> str:
        """One line."""
        return in_one_line(self)

    def to_json(self) -> str:
        """The whole report as JSON; an infinite error is null there, since JSON has none."""
        return to_json(self.to_dict())

    def to_html(self) -> str:
        """The whole report as one self-contained page."""
        return page.render(self.to_dict())

    def _repr_html_(self) -> str:
        """The verdict and the guilty layers, for a notebook."""
        return page.render_summary(self.to_dict())
