"""Comparing training steps: both sides, both precisions, everything that a step computes."""

import time
from collections.abc import Callable, Mapping
from collections.abc import Set as AbstractSet
from contextlib import closing
from dataclasses import replace
from functools import partial

import numpy as np

from verify.engine.second_look import RUNS, Moved
from verify.numerics.compare import Difference, difference
from verify.numerics.verdicts import SAME_PRECISION_FACTOR
from verify.reports.training_report import StepErrors, TrainingReport, ValueReport, bound_of
from verify.specs.spec import Arrays, RoundedConstants
from verify.specs.training_spec import TrainingSpec, gradient_of

# Is told how many of how many runs are done, and which comes next.
Progress = Callable[[int, int, str], None]

GRADIENT = gradient_of("")
# Of the largest gradient of a variable. One smaller than the first is a sum that all but cancelled,
# such as that of a bias in front of a batch norm. What it was summed from, and so its rounding, is
# larger than it is itself: the second is what it is measured in. Right ports were seen 1e-13 of the
# largest gradient away from the truth.
CANCELLED, CANCELLED_UNIT = 1e-5, 1e-3
TRUTH = "original float64"
SIDES = (TRUTH, "original float32", "port float64", "port float32")


def compare_training(spec: TrainingSpec, *, watch: Progress | None = None) -> TrainingReport:
    """Compare a port with its original in training, one step a batch, all from the same weights.

    The truth is the original in float64. The port's float64 must meet it up to rounding, in every
    batch; its float32 must be about as near to it as the original's own float32 is, as seen over
    all batches. The two float32 sides are never compared with one another.

    Args:
        spec: the port, its original and the batches.
        watch: called before each run of a side on a batch.

    Returns:
        The report; `report.passed` is the verdict.
    """
    start, total = time.monotonic(), len(SIDES) * len(spec.batches)
    truths: list[Arrays] = []
    found: dict[str, list[dict[str, Difference]]] = {side: [] for side in SIDES}
    # One side after the other: only one holds its memory.
    for place, side in enumerate(SIDES):
        source, precision = side.split()
        make = spec.original if source == "original" else spec.port
        with closing(make(precision)) as runner:
            for index, batch in enumerate(spec.batches):
                if watch is not None:
                    done = place * len(spec.batches) + index
                    watch(done, total, f"{side}, batch {index + 1}")
                values = runner.run(batch)
                if side == TRUTH:
                    truths.append(values)
                else:
                    found[side].append(_differences(values, truths[index]))
    largest = [largest_gradient(spec, truth) for truth in truths]
    steps = {name: _steps(spec, name, found, largest) for name in spec.values}
    rows = [_row(name, truths[0][name].shape, its) for name, its in steps.items()]
    if doubtful := {row.name for row in rows if row.doubtful}:
        explained = _explained(spec, doubtful, truths, largest)
        rows = [replace(row, explained=explained.get(row.name, 0.0)) for row in rows]
    seconds = round(time.monotonic() - start, 1)
    return TrainingReport(spec.name, rows, replace(spec.about, seconds=seconds))


def _steps(
    spec: TrainingSpec,
    name: str,
    found: Mapping[str, list[dict[str, Difference]]],
    largest: list[float],
) -> list[StepErrors]:
    """One value's errors in every batch; none if the port does not compute it in every batch."""
    steps = []
    sides = (found[side] for side in ("port float64", "port float32", "original float32"))
    for function, port, original, gradient in zip(*sides, largest, strict=True):
        if not (name in function and name in port):
            return []
        unit = unit_of(spec, name, function[name].scale, gradient)
        steps.append(StepErrors(function[name], port[name], original[name], unit))
    return steps


def unit_of(spec: TrainingSpec, name: str, scale: float, largest: float) -> float:
    """What a value's error is measured in: its own `scale`, unless it is what cancellation left."""
    cancelled = _is_of_variable(spec, name) and scale < CANCELLED * largest
    return CANCELLED_UNIT * largest if cancelled else scale


def _explained(
    spec: TrainingSpec, names: AbstractSet[str], truths: list[Arrays], largest: list[float]
) -> dict[str, float]:
    """What rounding explains of a difference in float64, in units.

    The original runs again, each time from clips moved by one rounding, as in
    `verify.engine.second_look`: a batch norm over few elements magnifies rounding beyond any
    fixed bound. And so does the port, with constants moved that it knows to float32 only, as in
    `verify.engine.rounded_constants`.
    """
    moved = dict.fromkeys(names, 0.0)

    def note(values: Arrays, still: Arrays, place: int) -> None:
        for name in names & values.keys() & still.keys():
            error = difference(values[name], still[name])
            unit = unit_of(spec, name, error.scale, largest[place])
            moved[name] = max(moved[name], error.maximum / unit if unit > 0 else 0.0)

    with closing(spec.original("float64")) as runner:
        for run in range(RUNS):
            place = run % len(spec.batches)
            move = partial(Moved, precision="float64", seed=run, zeros=True)
            note(runner.run(spec.batches[place].moved(move)), truths[place], place)
    with closing(spec.port("float64")) as port:
        if isinstance(port, RoundedConstants) and port.has_rounded_constants:
            before = [port.run(batch) for batch in spec.batches]
            for run in range(RUNS):
                port.move_constants(run)
                place = run % len(spec.batches)
                note(port.run(spec.batches[place]), before[place], place)
    return {name: SAME_PRECISION_FACTOR * share for name, share in moved.items()}


def _differences(values: Arrays, truth: Arrays) -> dict[str, Difference]:
    return {name: difference(value, truth[name]) for name, value in values.items()}


def largest_gradient(spec: TrainingSpec, truth: Arrays) -> float:
    """Of the variables; the input's gradient has another unit, and they say nothing of it."""
    gradients = (value for name, value in truth.items() if _is_of_variable(spec, name))
    return max((float(np.abs(value).max(initial=0.0)) for value in gradients), default=0.0)


def _is_of_variable(spec: TrainingSpec, name: str) -> bool:
    return name.startswith(GRADIENT) and name.partition(":")[0] != spec.input_gradient


def _row(name: str, shape: tuple[int, ...], steps: list[StepErrors]) -> ValueReport:
    return ValueReport(name, shape, bound_of(name), steps)
