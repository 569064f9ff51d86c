"""Showing what was found to correspond, for somebody to agree with or to correct."""

from collections.abc import Iterator, Mapping
from typing import Any

from verify.reports.training_report import TrainingReport


def summary(about: Mapping[str, Any]) -> Iterator[str]:
    """What a reader of a verdict must know of how its two sides were matched, in a few lines.

    Args:
        about: of a `PortSpec` that `verify.custom.port_spec` made.
    """
    signs = ", ".join(f"{count} by {sign}" for sign, count in about["recognised by"].items())
    yield f"matched: {len(about['weights'])} variables, {len(about['taps'])} taps; {signs}"
    for line in about["ambiguous"]:
        yield f"ambiguous: {line}"
    for place in about["reordered"]:
        yield f"another order: {place} reads the right numbers, flattened in another layout"
    if about["settled"]:
        yield f"weights: {about['settled']}"
    if about["not in the port"]:
        yield f"not in the port: {', '.join(about['not in the port'])}"
    if about["only in the port"]:
        yield f"only in the port: {', '.join(about['only in the port'])}"
    yield from about["notes"]
    if about["stopped"]:
        yield f"the port was stopped by {about['stopped']['by']}"
    if about["judged with the next tap"]:
        yield f"no tap of their own: {', '.join(about['judged with the next tap'])}"


def table(about: Mapping[str, Any]) -> Iterator[str]:
    """All of it: each variable's place, then each tap's."""
    for heading in ("weights", "taps"):
        width = max((len(name) for name in about[heading]), default=0)
        yield f"{heading}:"
        for name, place in about[heading].items():
            yield f"  {name:<{width}}  {place}"


def failing_values(report: TrainingReport) -> Iterator[str]:
    """Of a comparison in training, a line for every value that failed."""
    for value in report.values:
        if not value.passed:
            yield f"{value.name}: {value.reason} ({value.float64_error:.1e} in float64)"
    if report.about["stopped"]:
        yield f"the port was stopped by {report.about['stopped']['by']}"
