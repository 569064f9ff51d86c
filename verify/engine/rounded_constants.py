"""Differences in float64 that come of what one side knows to float32 only.

A port may hold what its original computes anew in every precision, such as the frequencies of a
rotary embedding, as a table in float32. In float64 both sides then differ by what that table was
rounded by, and whatever the net makes of it. So the port runs again, each time with these constants
moved by a few roundings: what that changes is how much of a difference their rounding explains.
An original may have layers that compute in float32 alone; then it is their outputs that are moved.
Elsewhere, and beyond that, float64 decides as ever.
"""

from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import replace
from functools import partial
from typing import Any

from verify.engine.second_look import RUNS
from verify.numerics.arrays import Arrays
from verify.numerics.compare import difference
from verify.numerics.verdicts import SAME_PRECISION_FACTOR, Verdict
from verify.reports.report import TapReport
from verify.specs.spec import PortSpec, RoundedConstants
from verify.specs.walk import all_taps, walk

# A larger difference is never put down to constants: float32 would show it.
LARGEST = 1e-6


def look_at_constants(spec: PortSpec, taps: Sequence[TapReport]) -> list[TapReport]:
    """Judge the taps again that differ by no more than rounded constants may explain."""
    if not any(_may_be_rounding(verdict) for tap in taps for verdict in _verdicts(tap)):
        return list(taps)
    accumulated, alone = dict[str, float](), dict[str, float]()
    sides: list[tuple[Callable[[str], Any], Callable[..., tuple[Arrays, Arrays]]]]
    sides = [(spec.port, _everything)]
    if spec.original_rounds:
        sides.append((spec.original, _everything_of_original))
    seen: Arrays | None = None
    for make, everything in sides:
        with closing(make("float64")) as runner:
            if not (isinstance(runner, RoundedConstants) and runner.has_rounded_constants):
                continue
            seen = seen or _seen(spec)
            changes = _changes(runner.move_constants, partial(everything, spec, runner, seen))
        for found, changed in zip((accumulated, alone), changes, strict=True):
            for name, error in changed.items():
                found[name] = max(found.get(name, 0.0), error)
    if seen is None:
        return list(taps)
    return [
        replace(
            tap,
            accumulated=_explained(tap.accumulated, accumulated.get(tap.name, 0.0)),
            isolated=_explained(tap.isolated, alone.get(tap.name, 0.0)),
        )
        for tap in taps
    ]


def _seen(spec: PortSpec) -> Arrays:
    """What the original's float32 computes."""
    seen = dict(spec.inputs)
    with closing(spec.original("float32")) as original:
        for step in walk(spec.stages, spec.inputs, original.run_stage):
            seen |= step.taps
    return seen


def _changes(
    move: Callable[[int], None], everything: Callable[[], tuple[Arrays, Arrays]]
) -> tuple[dict[str, float], dict[str, float]]:
    """By how much a `move` of constants changes each tap at most, from the input on and alone."""
    before = everything()
    largest: tuple[dict[str, float], dict[str, float]] = ({}, {})
    for seed in range(RUNS):
        move(seed)
        for found, moved, still in zip(largest, everything(), before, strict=True):
            for name in moved.keys() & still.keys():
                error = difference(moved[name], still[name]).relative
                found[name] = max(found.get(name, 0.0), error)
    return largest


def _everything(spec: PortSpec, runner: Any, seen: Arrays) -> tuple[Arrays, Arrays]:
    """Every tap, from the input on and alone."""
    accumulated: Arrays = {}
    for step in walk(spec.stages, spec.inputs, all_taps(runner)):
        accumulated |= step.taps
    alone: Arrays = {}
    for stage in spec.stages if spec.isolates else ():
        runner.run_layers(stage, seen, alone.__setitem__)
    return accumulated, alone


def _everything_of_original(spec: PortSpec, runner: Any, seen: Arrays) -> tuple[Arrays, Arrays]:
    accumulated: Arrays = {}
    for step in walk(spec.stages, spec.inputs, runner.run_stage):
        accumulated |= step.taps
    names = accumulated if spec.isolates else ()
    return accumulated, {name: runner.run_layer(name, seen) for name in names}


def _verdicts(tap: TapReport) -> list[Verdict]:
    return [verdict for verdict in (tap.accumulated, tap.isolated) if verdict is not None]


def _may_be_rounding(verdict: Verdict) -> bool:
    return not verdict.same_function and verdict.function.relative <= LARGEST


def _explained(verdict: Verdict | None, moved: float) -> Verdict | None:
    if verdict is None or not _may_be_rounding(verdict):
        return verdict
    return replace(verdict, explained=max(verdict.explained, SAME_PRECISION_FACTOR * moved))
