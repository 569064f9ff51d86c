"""Ctrl-C: at any moment one line and status 130, whatever a library makes of it."""

import os
import signal
import sys
import threading
from contextlib import suppress
from types import FrameType

STATUS = 130  # what shells report for Ctrl-C
LINE = "tvn: interrupted\n"
PATIENCE = 5.0  # seconds for what was begun to be cleared away

_terminal: int | None = None  # a copy of standard error's descriptor, once interrupted


def answer_interrupts() -> None:
    """Let SIGINT end this process; where a parent or shell had it ignored, it stays so."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _interrupt)


def interrupted() -> bool:
    """Whether SIGINT came, even if a library made another error of it."""
    return _terminal is not None


def leave() -> None:
    """Write the line, end the process."""
    if _terminal is not None:
        with suppress(OSError):
            if os.isatty(_terminal):
                os.write(_terminal, b"\x1b[?25h\n")  # a progress bar had hidden the cursor
            os.write(_terminal, LINE.encode())
    os._exit(STATUS)


def _interrupt(number: int, frame: FrameType | None) -> None:
    """Raise; from now on nobody else speaks. A second one, or patience at its end, leaves."""
    global _terminal
    if _terminal is not None:
        leave()
    _terminal = os.dup(2)
    _silence()
    _end_children()
    timer = threading.Timer(PATIENCE, leave)
    timer.daemon = True
    timer.start()
    raise KeyboardInterrupt


def _silence() -> None:
    with suppress(OSError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, 1)
        os.dup2(nowhere, 2)
        os.close(nowhere)


def _end_children() -> None:
    """Processes of multiprocessing would be waited for until they have done what they do."""
    multiprocessing = sys.modules.get("multiprocessing")
    for child in multiprocessing.active_children() if multiprocessing else ():
        child.terminate()
