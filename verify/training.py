"""Comparing training steps: both sides, both precisions, everything that a step computes."""

import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack, closing

import numpy as np

from verify.compare import Difference, difference
from verify.spec import Arrays
from verify.training_report import (
    FORWARD_BOUND,
    GRADIENT_BOUND,
    StepErrors,
    TrainingReport,
    ValueReport,
)
from verify.training_spec import TrainingBatch, TrainingRunner, TrainingSpec, gradient_of

# Is told how many of how many runs are done, and which comes next.
Progress = Callable[[int, int, str], None]

GRADIENT = gradient_of("")
# Of the net's largest gradient. A gradient smaller than this is a sum that all but cancelled, and
# what it was summed from, and so its rounding, is larger than it is itself.
CANCELLED = 1e-5
SIDES = ("original float64", "port float64", "original float32", "port float32")


def training(spec: TrainingSpec, *, watch: Progress | None = None) -> TrainingReport:
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
    start = time.monotonic()
    steps: dict[str, list[StepErrors]] = {name: [] for name in spec.values}
    shapes: dict[str, tuple[int, ...]] = {}
    with ExitStack() as stack:
        runners = {}
        for side in SIDES:
            source, precision = side.split()
            make = spec.original if source == "original" else spec.port
            runners[side] = stack.enter_context(closing(make(precision)))
        for index, batch in enumerate(spec.batches):

            def tell(done: int, side: str, index: int = index) -> None:
                if watch is not None:
                    total = len(spec.batches) * len(SIDES)
                    watch(index * len(SIDES) + done, total, f"batch {index + 1}: {side}")

            errors, truth_shapes = _compare(runners, batch, tell)
            shapes |= truth_shapes
            for name in spec.values:
                if name in errors:
                    steps[name].append(errors[name])
    values = [
        _row(name, shapes[name], steps[name] if len(steps[name]) == len(spec.batches) else [])
        for name in spec.values
    ]
    seconds = round(time.monotonic() - start, 1)
    return TrainingReport(spec.name, values, dict(spec.about) | {"seconds": seconds})


def _compare(
    runners: Mapping[str, TrainingRunner], batch: TrainingBatch, tell: Callable[[int, str], None]
) -> tuple[dict[str, StepErrors], dict[str, tuple[int, ...]]]:
    """One batch: the errors of what the port computes, and the shape of every value."""
    truth_side, *others = SIDES
    tell(0, truth_side)
    truth = runners[truth_side].run(batch)
    found: list[dict[str, Difference]] = []
    for done, side in enumerate(others, 1):
        tell(done, side)
        found.append(_differences(runners[side].run(batch), truth))
    floor = CANCELLED * _largest_gradient(truth)
    errors = {}
    for name in truth:
        if all(name in differences for differences in found):
            function, original, port = (differences[name] for differences in found)
            unit = max(function.scale, floor if name.startswith(GRADIENT) else 0.0)
            errors[name] = StepErrors(function, port, original, unit)
    return errors, {name: value.shape for name, value in truth.items()}


def _differences(values: Arrays, truth: Arrays) -> dict[str, Difference]:
    return {name: difference(value, truth[name]) for name, value in values.items()}


def _largest_gradient(truth: Arrays) -> float:
    """Of the variables; the input's gradient has another unit."""
    gradients = (value for name, value in truth.items() if name.startswith(GRADIENT))
    return max((float(np.abs(value).max(initial=0.0)) for value in gradients), default=0.0)


def _row(name: str, shape: tuple[int, ...], steps: list[StepErrors]) -> ValueReport:
    bound = GRADIENT_BOUND if name.startswith(GRADIENT) else FORWARD_BOUND
    return ValueReport(name, shape, bound, steps)
