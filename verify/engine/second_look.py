"""A second look where nothing but the size of rounding speaks against a port.

One run's rounding error is one draw. Where few elements decide, as in a small layer or behind a
steep gate that magnifies the error of one, the quotient of two such draws is heavy-tailed: of two
normal variables it exceeds 4 in 16 of 100 cases, though both sides round alike. And in float64 a
net that magnifies does so beyond any fixed bound. So the original runs again, several times, each
time from an input moved by one rounding, which draws all roundings anew. The largest difference
from the truth in all its runs is then the yardstick.
"""

import zlib
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import replace

import numpy as np

from verify.numerics.arrays import Arrays
from verify.numerics.compare import Difference, difference
from verify.numerics.verdicts import SAME_PRECISION_FACTOR, Verdict
from verify.reports.report import TapReport
from verify.specs.spec import OriginalRunner, PortSpec, Stage
from verify.specs.walk import Run, walk

# With as many, two sides that round alike differ by a factor of 4 in 2 of 10,000 such cases.
RUNS = 8


def second_look(spec: PortSpec, taps: Sequence[TapReport]) -> list[TapReport]:
    """Judge the doubtful taps again that come before the first one that is certain to fail.

    Behind that one nothing more is to be learnt; in front of it, doubt would hide where the
    failure starts.

    Args:
        spec: what was compared.
        taps: the first judgement, in the order of computation.

    Returns:
        The taps, with more of the original's own error in `accumulated` where there was doubt.
    """
    certain = (place for place, tap in enumerate(taps) if not (tap.passed or tap.doubtful))
    doubted = taps[: next(certain, len(taps))]
    failed = {tap.name: tap.accumulated for tap in doubted if not tap.passed}
    if not failed:
        return list(taps)
    names = set(failed)
    function = {n for n, v in failed.items() if v is not None and not v.same_function}
    moved64 = errors_when_moved(spec, "float64", function)
    moved32 = errors_when_moved(spec, "float32", names)
    again = {
        name: judged_again(verdict, moved64.get(name, []), moved32[name])
        for name, verdict in failed.items()
        if verdict is not None
    }
    return [replace(tap, accumulated=again.get(tap.name, tap.accumulated)) for tap in taps]


def alone_again(
    verdict: Verdict,
    tap: str,
    seen: Mapping[str, np.ndarray],
    truth: np.ndarray,
    original32: OriginalRunner,
) -> Verdict:
    """Judge a layer again that was fed with `seen`, if only its precision failed."""
    if not verdict.same_function or verdict.same_precision or not verdict.doubtful:
        return verdict
    moved = (Moved(seen, "float32", run) for run in range(RUNS))
    found = (original32.run_layer(tap, values) for values in moved)
    return judged_again(verdict, [], [difference(value, truth) for value in found])


def judged_again(
    verdict: Verdict, moved64: Sequence[Difference], moved32: Sequence[Difference]
) -> Verdict:
    """The verdict with the original's own error in further runs, in float64 and in float32."""
    runs = [verdict.original, *moved32]
    return replace(
        verdict,
        original=Difference(
            max(run.maximum for run in runs), max(run.rms for run in runs), runs[0].scale
        ),
        runs=len(runs),
        explained=max(
            verdict.explained,
            SAME_PRECISION_FACTOR * max((run.relative for run in moved64), default=0.0),
        ),
    )


def errors_when_moved(
    spec: PortSpec, precision: str, names: set[str]
) -> dict[str, list[Difference]]:
    """Each named tap's distance from the truth, in further runs of the original.

    In float32 what a stage reads is moved too: a net may forget a rounding of its input, where
    gates are shut or activations capped, and then draws no rounding behind that anew. In float64
    it is not: there the least that a bug could hide behind is granted.
    """
    errors: dict[str, list[Difference]] = {name: [] for name in names}
    if not names:
        return errors
    last = max(index for index, stage in enumerate(spec.stages) if names.intersection(stage.taps))
    stages = spec.stages[: last + 1]
    inputs = [dict(Moved(spec.inputs, precision, run, zeros=True)) for run in range(RUNS)]
    with closing(spec.original("float64")) as exact, closing(spec.original(precision)) as runner:
        truths = walk(stages, spec.inputs, exact.run_stage)
        anew = precision == "float32"
        runs_of = [
            _moving(runner, spec.inputs, run) if anew else runner.run_stage for run in range(RUNS)
        ]
        walks = [walk(stages, *moved) for moved in zip(inputs, runs_of, strict=True)]
        for truth, *runs in zip(truths, *walks, strict=True):
            for name in names.intersection(truth.stage.taps):
                errors[name] += [difference(run.taps[name], truth.taps[name]) for run in runs]
    return errors


def _moving(runner: OriginalRunner, inputs: Collection[str], seed: int) -> Run:
    """Runs a stage on what it reads, moved; the inputs are moved already."""

    def run(stage: Stage, given: Arrays) -> Arrays:
        computed = {name: given[name] for name in stage.reads if name not in inputs}
        return runner.run_stage(stage, {**given, **Moved(computed, "float32", seed)})

    return run


class Moved(Mapping[str, np.ndarray]):
    """Arrays whose every number is moved to the next one above or below in a precision, at random.

    They are made when they are asked for: a layer reads few of the many that were seen. With
    `zeros`, what vanishes beside an array's largest number moves by one rounding of that: the next
    number to zero is so small that it would draw no rounding anew in a clip of zeros.
    """

    def __init__(
        self, arrays: Mapping[str, np.ndarray], precision: str, seed: int, zeros: bool = False
    ) -> None:
        self._arrays, self._precision, self._seed = arrays, precision, seed
        self._zeros = zeros

    def __getitem__(self, name: str) -> np.ndarray:
        if self._arrays[name].dtype.kind != "f":  # such as the tokens of a text
            return self._arrays[name]
        values = self._arrays[name].astype(self._precision)
        draw = np.random.default_rng((self._seed, zlib.crc32(name.encode())))
        ends = draw.choice(np.array([-np.inf, np.inf], self._precision), values.shape)
        moved = np.nextafter(values, ends)
        if self._zeros:
            rounding = np.spacing(np.abs(values).max(initial=0))
            vanishing = np.abs(values) < rounding
            moved[vanishing] = np.copysign(rounding, ends)[vanishing]
        return moved

    def __iter__(self) -> Iterator[str]:
        return iter(self._arrays)

    def __len__(self) -> int:
        return len(self._arrays)
