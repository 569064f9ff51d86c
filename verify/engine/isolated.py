"""A training runner in a process of its own, which gives all its memory back when it is closed."""

import multiprocessing
from collections.abc import Callable
from contextlib import suppress
from multiprocessing.connection import Connection

from port.memory import give_back_freed_memory
from verify.specs.spec import Arrays
from verify.specs.training_spec import TrainingBatch, TrainingRunner


class IsolatedTrainer:
    """`make()` in a fresh process.

    TensorFlow keeps what it once allocated until its process ends, and that of a large net in
    training, on top of what PyTorch needs afterwards, is more than many machines have.

    Args:
        make: makes the runner; it is sent to the process, so it must be picklable, and the main
            module of the program must be one that can be imported again.
    """

    def __init__(self, make: Callable[[], TrainingRunner]) -> None:
        give_back_freed_memory()
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(make, theirs), daemon=True)
        self._process.start()
        theirs.close()

    def run(self, batch: TrainingBatch) -> Arrays:
        """See `TrainingRunner`; what fails in the process is raised here."""
        with suppress(ConnectionError):  # it may have left an error behind before it ended
            self._pipe.send(batch)
        try:
            answer = self._pipe.recv()
        except (EOFError, ConnectionError):
            self._process.join()
            raise RuntimeError(
                f"the original's process ended with status {self._process.exitcode}"
            ) from None
        if isinstance(answer, Exception):
            raise answer
        values: Arrays = answer
        return values

    def close(self) -> None:
        """End the process."""
        self._pipe.close()
        self._process.join()


def _serve(make: Callable[[], TrainingRunner], pipe: Connection) -> None:
    """Answer batch after batch until the other end closes."""
    try:
        runner = make()
        while True:
            pipe.send(runner.run(pipe.recv()))
    except EOFError:
        runner.close()
    except Exception as error:
        pipe.send(error)
