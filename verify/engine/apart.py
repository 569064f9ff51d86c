"""What is run apart, in a process of its own: whole verifications, and one side in training."""

from collections.abc import Callable
from functools import partial
from typing import Protocol

from port.memory import give_back_freed_memory, keep_freed_memory
from verify.engine.inference import Watcher, compare_layers
from verify.engine.process import Answer, ProcessServer, Tell
from verify.reports.report import Report
from verify.specs.spec import Arrays, PortSpec
from verify.specs.training_spec import TrainingBatch, TrainingRunner


class Judge(Protocol):
    """`verify` or one like it, a function of a module."""

    def __call__(self, spec: PortSpec, *, watch: Watcher) -> Report:
        """Compare, telling each tap's report as soon as it is judged."""
        ...


class Apart:
    """Verifies one spec after the other in one process; see `ProcessServer`."""

    def __init__(self) -> None:
        self._server = ProcessServer(_serve_verifications)

    def verify(self, spec: PortSpec, *, watch: Watcher, judge: Judge = compare_layers) -> Report:
        """`judge(spec, watch=watch)`, elsewhere; `spec` must be one that can be pickled.

        Raises:
            RuntimeError: the process was ended; what fails in it is raised here as it is.
        """
        report: Report = self._server.ask((judge, spec), what=f"verified {spec.name}", watch=watch)
        return report

    def close(self) -> None:
        """End the process; another verification starts another one."""
        self._server.close()


class TrainerApart:
    """The `TrainingRunner` that `make()` makes, in one process; see `ProcessServer`."""

    def __init__(self, make: Callable[[], TrainingRunner]) -> None:
        give_back_freed_memory()
        self._server = ProcessServer(partial(_serve_training, make))

    def run(self, batch: TrainingBatch) -> Arrays:
        """See `TrainingRunner`; what fails in the process is raised here."""
        values: Arrays = self._server.ask(batch, what="trained one side")
        return values

    def close(self) -> None:
        """End the process."""
        self._server.close()


def _serve_verifications() -> Answer:
    keep_freed_memory()

    def answer(request: tuple[Judge, PortSpec], tell: Tell) -> Report:
        judge, spec = request
        return judge(spec, watch=tell)

    return answer


def _serve_training(make: Callable[[], TrainingRunner]) -> Answer:
    runner = make()
    return lambda batch, tell: runner.run(batch)
