"""What a failed comparison says to whoever reads the output of a test suite."""

from collections.abc import Iterator, Sequence

from verify.reports.outcome import Outcome
from verify.reports.report import Report, TapReport
from verify.reports.training_report import TrainingReport, ValueReport

# A test's output is read in a terminal: no more lines than fit.
MOST_LINES = 40
GUILTY, CAUSES = 5, 14


def complain(report: Report) -> str:
    """The verdict, the layers that are wrong by themselves, their figures, and why."""
    lines = [*_of_layers(report)]
    for name, outcome in report.further.items():
        if not outcome.passed:
            lines += [f"{name}:", *_indented(_of_outcome(outcome))]
    return "\n".join(lines[: MOST_LINES - 1])


def describe_tap(tap: TapReport) -> str:
    """One tap that failed, with the figures behind that."""
    shape = f"{tap.name} {list(tap.shape)}"
    alone, accumulated = tap.isolated, tap.accumulated
    if alone is None and accumulated is None:
        return f"{shape}: {tap.complaint}"
    told = []
    for how, verdict in {"by itself": alone, "from the input on": accumulated}.items():
        if verdict is not None:
            told.append(
                f"{how} off by {verdict.function.relative:.1e} in float64, "
                f"{verdict.ratio:.3g} times the original's own in float32"
            )
    return f"{shape}: {tap.complaint}; {'; '.join(told)}"


def describe_value(value: ValueReport) -> str:
    """One value of a training step that failed, with the figures behind that."""
    shape = f"{value.name} {list(value.shape)}"
    if not value.steps:
        return f"{shape}: {value.reason}"
    return (
        f"{shape}: {value.reason}; off by {value.float64_error:.1e} in float64 "
        f"({value.bound:.0e} is allowed), {value.ratio:.3g} times the original's own in float32"
    )


def _of_layers(report: Report) -> Iterator[str]:
    if all(tap.passed for tap in report.taps) and report.taps:
        yield f"{report.summary}, but not all that was judged besides"
        return
    yield report.summary
    guilty = report.guilty
    for tap in guilty[:GUILTY]:
        yield f"  {describe_tap(tap)}"
    if len(guilty) > GUILTY:
        yield f"  wrong by themselves, too: {', '.join(tap.name for tap in guilty[GUILTY:])}"
    if stopped := (report.about.stopped or {}).get("by"):
        yield f"  the port stopped: {stopped}"
    if report.diagnosis is not None:
        yield "diagnosis:"
        yield from _indented(_some(report.diagnosis.lines))
    matching = report.about.matching
    if matching is not None and matching.settled:
        yield f"weights: {matching.settled}"


def _of_outcome(outcome: Outcome) -> Iterator[str]:
    if isinstance(outcome, Report):
        yield from _of_layers(outcome)
        return
    yield outcome.summary
    if isinstance(outcome, TrainingReport):
        failing = [value for value in outcome.values if not value.passed]
        for value in failing[:GUILTY]:
            yield f"  {describe_value(value)}"
        if outcome.diagnosis is not None:
            yield from _indented(_some(outcome.diagnosis.lines))


def _some(lines: Sequence[str]) -> list[str]:
    if len(lines) <= CAUSES:
        return list(lines)
    return [*lines[:CAUSES], f"and {len(lines) - CAUSES} lines more; `tvn verify` prints them all"]


def _indented(lines: Sequence[str] | Iterator[str]) -> Iterator[str]:
    return (f"  {line}" for line in lines)
