"""Runs comparisons for somebody who watches, where they have the memory for it."""

from functools import partial

from verify.engine.apart import Apart, Judge
from verify.engine.events import Progress, Watch
from verify.engine.inference import compare_layers
from verify.engine.training import compare_training
from verify.engine.trajectory import compare_trajectory
from verify.reports.report import Report, TapReport
from verify.reports.training_report import TrainingReport
from verify.reports.trajectory_report import TrajectoryReport
from verify.specs.spec import PortSpec
from verify.specs.training_spec import TrainingSpec
from verify.specs.trajectory_spec import TrajectorySpec


class Comparer:
    """Compares, and tells `watch` how far it is.

    Args:
        watch: is told of each step.
        apart: compare layers in one other process, which gives its memory back when it ends.
    """

    def __init__(self, watch: Watch, *, apart: bool = False) -> None:
        self._watch = watch
        self._apart = Apart() if apart else None

    def compare(self, spec: PortSpec, judge: Judge = compare_layers) -> Report:
        """The report of `judge` on every layer."""
        total, done = sum(len(stage.taps) for stage in spec.stages), 0

        def watch(tap: TapReport) -> None:
            nonlocal done
            done += 1
            self._watch(Progress(spec.name, done, total, tap.name))

        self._watch(Progress(spec.name, 0, total, spec.name))
        run = partial(self._apart.verify, judge=judge) if self._apart else judge
        return run(spec, watch=watch)

    def train(self, spec: TrainingSpec) -> TrainingReport:
        """The comparison of training steps, which need all the memory there is."""
        self.close()

        def watch(done: int, total: int, doing: str) -> None:
            self._watch(Progress(spec.name, done, total, f"{spec.name}, {doing}"))

        return compare_training(spec, watch=watch)

    def follow(self, spec: TrajectorySpec, runs: int) -> TrajectoryReport:
        """The comparison of many steps, of so many runs of either side in float32."""

        def watch(done: int, total: int) -> None:
            self._watch(Progress(spec.name, done, total, spec.name))

        return compare_trajectory(spec, runs=runs, watch=watch)

    def close(self) -> None:
        """Give the memory back; the comparer can go on to be used."""
        if self._apart:
            self._apart.close()
