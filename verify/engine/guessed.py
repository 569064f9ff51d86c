"""Layers whose places in the port were told by their numbers alone, where they do not fit in.

A port is right if its outputs and its weights are. A dropout at rest is wherever its numbers are,
so that it may be taken for the layer in front of it; and what the port computes twice, or earlier
than the original does, is replaced at one of its places alone. Then a layer is fed with what is
not its own, and differs by itself, though nothing differs from the input on.
"""

from dataclasses import replace

from verify.reports.outcome import Reason
from verify.reports.report import Report
from verify.specs.about import Matching
from verify.specs.spec import PortSpec


def fails_alone_only(report: Report) -> bool:
    """Does everything agree from the input on, and some layers differ by themselves?"""
    reasons = {tap.reason for tap in report.taps if not tap.passed}
    accumulated = (tap.accumulated is not None and tap.accumulated.passed for tap in report.taps)
    return reasons == {Reason.OTHER_FUNCTION_ISOLATED} and all(accumulated)


def without_guessed(spec: PortSpec) -> PortSpec:
    """The same, compared where both sides surely have something in common."""
    stages = [
        replace(stage, taps=tuple(tap for tap in stage.taps if tap not in spec.guessed))
        for stage in spec.stages
    ]
    matching = spec.about.matching
    about = replace(spec.about, matching=matching and _told(matching, spec))
    return replace(spec, stages=stages, guessed={}, about=about)


def _told(matching: Matching, spec: PortSpec) -> Matching:
    reasons = {
        tap: f"{place} computes it, but reads or hands on what is another layer's as well"
        for tap, place in spec.guessed.items()
    }
    taps = {tap: place for tap, place in matching.taps.items() if tap not in reasons}
    return replace(matching, taps=taps, not_compared={**matching.not_compared, **reasons})
