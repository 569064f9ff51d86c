"""SIGTERM and Ctrl-C become a wish to stop, which a run fulfils once its state is safe."""

import os
import signal
from types import FrameType, TracebackType
from typing import Any, Self

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class StopRequest:
    """While it is entered, the first signal sets `received`; a second one has its usual effect.

    `patient`: no number of signals has. torchrun passes a signal on to processes that may have had
    it from the terminal already, and kills those that take too long.
    """

    def __init__(self, patient: bool = False) -> None:
        self.received: int | None = None
        self._patient = patient
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
        self.received = number
        if self._patient:
            return
        for each, handler in self._before.items():
            signal.signal(each, handler)


def leave_signals_to_parent(worker: int) -> None:
    """For data workers: a terminal and torchrun signal whole groups, but only the parent answers.

    What is sent to a worker itself still ends it, so that none can be left hanging.
    """
    os.setpgrp()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
