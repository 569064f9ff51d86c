"""A report as a list of tests: what passed, what is wrong by itself, and what follows from that.

Pytest's plugin, the JUnit file and the annotations all show these rows, under these names.
"""

from collections.abc import Container, Iterator, Mapping, Sequence
from typing import Any, TypedDict

from verify.reports.outcome import Explanation, Outcome
from verify.reports.report import Report, TapReport
from verify.reports.training_report import TrainingReport
from verify.specs.about import About
from verify.testing.complaint import complain, describe_tap, describe_value

PASSED, FAILED, FOLLOWS, NOT_JUDGED = "passed", "failed", "follows", "not judged"
# The test that fails where the port does, but at none of its taps.
VERDICT = "verdict"


class Row(TypedDict):
    """One test: its name, how it ended, and what there is to say."""

    name: str
    outcome: str
    text: str


def rows_of(report: Report) -> list[Row]:
    """Every tap, and every value of what was judged besides."""
    rows = [*_of_layers(report.taps, report.guilty, report.diagnosis, "")]
    layers_failed = any(row["outcome"] == FAILED for row in rows)
    names = {row["name"] for row in rows}
    for name, outcome in report.further.items():
        for row in _of_further(name, outcome, layers_failed):
            if row["name"] in names:  # a training step has an output, too
                row["name"] = f"{name}: {row['name']}"
            names.add(row["name"])
            rows.append(row)
    if not report.passed and all(row["outcome"] == PASSED for row in rows):
        rows.append(Row(name=VERDICT, outcome=FAILED, text=complain(report)))
    return [*rows, *_not_judged(report.about, names)]


def case_name(group: str, row: Row) -> str:
    """What a row is called as a test, wherever tests are listed."""
    return f"{group}[{row['name']}]"


def _not_judged(about: About, judged: Container[str]) -> Iterator[Row]:
    """What was to be judged and could not be, with the reason."""
    not_compared = about.matching.not_compared if about.matching else {}
    for name, why in {**not_compared, **(about.skipped or {})}.items():
        if name not in judged:
            yield Row(name=name, outcome=NOT_JUDGED, text=why)


def _of_layers(
    taps: Sequence[TapReport],
    guilty: Sequence[TapReport],
    diagnosis: Explanation | None,
    prefix: str,
) -> Iterator[Row]:
    causes, names = _causes(diagnosis), [tap.name for tap in guilty]
    for tap in taps:
        name = f"{prefix}{tap.name}"
        if tap.passed:
            yield Row(name=name, outcome=PASSED, text="")
        elif tap.name in names:
            text = "\n".join([describe_tap(tap), *causes.get(tap.name, ())])
            yield Row(name=name, outcome=FAILED, text=text)
        else:
            text = f"right by itself; differs because of {', '.join(names[:3])}"
            yield Row(name=name, outcome=FOLLOWS, text=text)


def _of_further(name: str, outcome: Outcome, layers_failed: bool) -> Iterator[Row]:
    if isinstance(outcome, Report):
        yield from _of_layers(outcome.taps, outcome.guilty, outcome.diagnosis, f"{name}: ")
    elif isinstance(outcome, TrainingReport):
        yield from _of_training(outcome, layers_failed)
    else:
        ended = PASSED if outcome.passed else FAILED
        yield Row(name=name, outcome=ended, text="" if outcome.passed else outcome.summary)


def _of_training(outcome: TrainingReport, layers_failed: bool) -> Iterator[Row]:
    """Where layers are wrong, what a step computes is wrong because of them."""
    causes = _causes(outcome.diagnosis)
    for value in outcome.values:
        if value.passed:
            yield Row(name=value.name, outcome=PASSED, text="")
        elif layers_failed:
            yield Row(name=value.name, outcome=FOLLOWS, text="a layer is wrong in inference, too")
        else:
            text = "\n".join([describe_value(value), *causes.get(value.name, ())])
            yield Row(name=value.name, outcome=FAILED, text=text)


def _causes(diagnosis: Explanation | None) -> Mapping[str, list[str]]:
    """By tap, a line for each cause."""
    told: dict[str, list[str]] = {}
    found: list[dict[str, Any]] = diagnosis.to_dict().get("causes", []) if diagnosis else []
    for cause in found:
        line = f"cause: {cause['cause']}, explains {100 * cause['explained']:.1f} %"
        told.setdefault(cause["tap"], []).append(line)
    return told
