"""Ctrl-C: at any moment one line and status 130, whatever a library makes of it."""

import _signal  # what `signal` wraps in enums, which take longer than all else before Ctrl-C counts
import _thread
import os
import sys
import time

TYPE_CHECKING = False  # as in `typing`, which takes a while, and Ctrl-C is not yet answered
if TYPE_CHECKING:
    from types import FrameType

STATUS = 130  # what shells report for Ctrl-C
LINE = "tvn: interrupted\n"
PATIENCE = 5.0  # seconds for what was begun to be cleared away

_terminal: int | None = None  # a copy of standard error's descriptor, once interrupted


def answer_interrupts() -> None:
    """Let SIGINT end this process; where a parent or shell had it ignored, it stays so."""
    if _signal.getsignal(_signal.SIGINT) is _signal.default_int_handler:
        _signal.signal(_signal.SIGINT, _interrupt)


def interrupted() -> bool:
    """Whether SIGINT came, even if a library made another error of it."""
    return _terminal is not None


def leave() -> None:
    """Write the line, end the process."""
    try:
        if _terminal is not None:
            if os.isatty(_terminal):
                os.write(_terminal, b"\x1b[?25h\n")  # a progress bar had hidden the cursor
            os.write(_terminal, LINE.encode())
    finally:
        os._exit(STATUS)


def _interrupt(number: int, frame: "FrameType | None") -> None:
    """Raise; from now on nobody else speaks. A second one, or patience at its end, leaves."""
    global _terminal
    if _terminal is not None:
        leave()
    _terminal = os.dup(2)
    _silence()
    _end_children()
    _thread.start_new_thread(_leave_later, ())  # `threading` may be what is interrupted
    raise KeyboardInterrupt


def _leave_later() -> None:
    time.sleep(PATIENCE)
    leave()


def _silence() -> None:
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)
    os.close(nowhere)


def _end_children() -> None:
    """Processes of multiprocessing would be waited for until they have done what they do."""
    multiprocessing = sys.modules.get("multiprocessing")
    for child in multiprocessing.active_children() if multiprocessing else ():
        child.terminate()
