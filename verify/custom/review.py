"""Showing what was found to correspond, for somebody to agree with or to correct."""

from collections.abc import Iterator

from verify.custom.layouts.parts import split_name
from verify.reports.training_report import TrainingReport
from verify.specs.about import About, Matching


def summarise(about: About) -> Iterator[str]:
    """What a reader of a verdict must know of how its two sides were matched, in a few lines.

    Args:
        about: of a `PortSpec` that `port_spec` made; of others there is nothing to say.
    """
    matching = about.matching
    if matching is None:
        return
    signs = ", ".join(f"{count} by {sign}" for sign, count in matching.recognised_by.items())
    variables = {split_name(source)[0] for source in matching.weights}
    yield f"matched: {len(variables)} variables, {len(matching.taps)} taps; {signs}"
    for line in matching.ambiguous:
        yield f"ambiguous: {line}"
    for place in matching.reordered:
        yield f"another order: {place} reads the right numbers, flattened in another layout"
    for line in matching.missing:
        yield f"missing: {line}"
    if matching.settled:
        yield f"weights: {matching.settled}"
    for line in matching.outputs:
        yield f"outputs: {line}"
    if matching.only_in_original:
        yield f"not in the port: {', '.join(matching.only_in_original)}"
    if matching.only_in_port:
        yield f"only in the port: {', '.join(matching.only_in_port)}"
    yield from about.notes or ()
    for line in about.not_shown:
        yield f"not shown by this input: {line}"
    if about.stopped:
        yield f"the port was stopped by {about.stopped['by']}"
    for tap, why in matching.not_compared.items():
        yield f"not compared by itself: {tap}: {why}"
    if matching.unplaced:
        yield f"no tap of their own: {', '.join(matching.unplaced)}"


def list_places(matching: Matching) -> Iterator[str]:
    """All of it: each variable's place, then each tap's."""
    for heading, places in (("weights", matching.weights), ("taps", matching.taps)):
        width = max((len(name) for name in places), default=0)
        yield f"{heading}:"
        for name, place in places.items():
            yield f"  {name:<{width}}  {place}"


def list_failing_values(report: TrainingReport) -> Iterator[str]:
    """Of a comparison in training, a line for every value that failed."""
    for value in report.values:
        if not value.passed:
            yield f"{value.name}: {value.reason} ({value.float64_error:.1e} in float64)"
    yield from report.about.notes or ()
    if report.about.stopped:
        yield f"the port was stopped by {report.about.stopped['by']}"
