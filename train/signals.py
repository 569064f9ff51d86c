"""SIGTERM and Ctrl-C become a wish to stop, which a run fulfils once its state is safe."""

import multiprocessing
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType, TracebackType
from typing import Any, Self

SIGNALS = (signal.SIGINT, signal.SIGTERM)
# How many `unbroken` there are around what this process does.
_depth = 0


class Stopped(Exception):  # noqa: N818  # a wish, not an error
    """What went on was given up because the run was asked to stop."""


class Interrupted(KeyboardInterrupt):
    """A second signal came; `number` says which."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


class StopRequest:
    """While it is entered, the first signal sets `received`; a second one raises Interrupted.

    Within `unbroken`, where the run's state is saved, the second one does not: the run leaves after
    that anyway. Those after the second do nothing, so that what cleans up can.

    `patient`: no number of signals raises. torchrun passes a signal on to processes that may have
    had it from the terminal already, and kills those that take too long.
    """

    def __init__(self, patient: bool = False) -> None:
        self.received: int | None = None
        self._patient, self._raised = patient, False
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Self:
        self._before = {number: signal.signal(number, self._note) for number in SIGNALS}
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _note(self, number: int, frame: FrameType | None) -> None:
        first, self.received = self.received is None, self.received or number
        if first:
            wake_children()
        elif not (self._patient or self._raised or _depth):
            self._raised = True
            raise Interrupted(number)


@contextmanager
def unbroken() -> Iterator[None]:
    """Around what a second signal is not to break off."""
    global _depth
    _depth += 1
    try:
        yield
    finally:
        _depth -= 1


def wake_children() -> None:
    """Let go on what was stopped: a run that waits for a data worker could not fulfil a wish."""
    for child in multiprocessing.active_children():
        with suppress(ProcessLookupError):
            os.kill(child.pid or 0, signal.SIGCONT)


def leave_signals_to_parent(worker: int) -> None:
    """For data workers: a terminal and torchrun signal whole groups, but only the parent answers.

    What is sent to a worker itself still ends it, so that none can be left hanging.
    """
    os.setpgrp()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
