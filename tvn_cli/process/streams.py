"""Standard output and error that take any text, and say plainly when they take no more."""

import codecs
import errno
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, TextIO, cast

# In ASCII, what stands for the signs of tables and texts here.
LOOKS = {
    "–": "-", "—": "-", "…": "...", "×": "x", "±": "+/-", "·": ".", "█": "#", "←": "<-",
    "→": "->", "≤": "<=", "≥": ">=", "‘": "'", "’": "'", "“": '"', "”": '"',
}  # fmt: skip
ERRORS = "tvn_look"  # the name by which Python's codecs know `_look`


class OutputError(Exception):
    """Standard output or error takes no more: `code` is the system's error number."""

    def __init__(self, error: OSError) -> None:
        super().__init__(error.strerror or str(error))
        self.code = error.errno


class _Stream:
    """A text stream whose own failures can be told from those of any other file."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        return _told(lambda: self._stream.write(text))

    def writelines(self, lines: Any) -> None:
        _told(lambda: self._stream.writelines(lines))

    def flush(self) -> None:
        _told(self._stream.flush)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


@contextmanager
def guarded_streams() -> Iterator[None]:
    """Within it, `sys.stdout` and `sys.stderr` take any text; what their files refuse is told.

    Characters that the encoding has not are written by what looks like them, or as escapes.

    Raises:
        OutputError: from any write, or from the last one as this is left; standard output is
            closed.
    """
    codecs.register_error(ERRORS, _look)
    closed = sys.stdout is None
    _open_closed_streams()
    before = sys.stdout, sys.stderr
    for stream in before:
        with suppress(AttributeError):  # not what Python opens: a test's, an editor's
            cast(Any, stream).reconfigure(errors=ERRORS)
    sys.stdout, sys.stderr = (cast(TextIO, _Stream(stream)) for stream in before)
    try:
        if closed:
            raise OutputError(OSError(errno.EBADF, os.strerror(errno.EBADF)))
        yield
        sys.stdout.flush()
    finally:
        sys.stdout, sys.stderr = before


def leave_unwritten() -> None:
    """Drop what standard output did not take, which Python would try to write once more."""
    with suppress(OSError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, 1)
        os.close(nowhere)


def _told(do: Callable[[], Any]) -> Any:
    try:
        return do()
    except OSError as error:
        raise OutputError(error) from None


def _open_closed_streams() -> None:
    """Let no file that is opened later become standard input, output or error by its number."""
    while (number := os.open(os.devnull, os.O_RDWR)) <= 2:
        pass
    os.close(number)
    sys.stdout = sys.stdout or open(os.devnull, "w")  # noqa: SIM115, PTH123
    sys.stderr = sys.stderr or open(os.devnull, "w")  # noqa: SIM115, PTH123


def _look(error: UnicodeError) -> tuple[str, int]:
    """Python's handler of what cannot be encoded; the answer is ASCII."""
    assert isinstance(error, UnicodeEncodeError)
    from port.text import visible

    text = error.object[error.start : error.end]
    shown = (LOOKS.get(c) or visible(c).encode("ascii", "backslashreplace").decode() for c in text)
    return "".join(shown), error.end
