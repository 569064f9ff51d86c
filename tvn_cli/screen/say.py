"""Lines for whoever started the command, safe whatever they quote; nothing else prints."""

import io
import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stdout, suppress
from contextvars import ContextVar
from typing import Any, TypeVar

from port.text import LONGEST_MESSAGE, visible, visible_line
from tvn_cli.process.streams import OutputError

T = TypeVar("T")

_quiet = ContextVar("quiet", default=False)


@contextmanager
def quietly() -> Iterator[None]:
    """Print nothing on standard output meanwhile, and draw no bars."""
    before = _quiet.set(True)
    try:
        with redirect_stdout(io.StringIO()):
            yield
    finally:
        _quiet.reset(before)


def is_quiet() -> bool:
    """Whether nothing is to be shown but errors."""
    return _quiet.get()


def fold(items: Sequence[T], few: int, verbose: bool) -> tuple[Sequence[T], int]:
    """What of a list is shown, and how many more there are: all of it if `verbose` or few."""
    shown = items if verbose or len(items) <= few else items[: few - 1]
    return shown, len(items) - len(shown)


def say(*lines: str) -> None:
    """Print lines on standard output, at once.

    A line stays one: a line end in a name that it quotes is shown as an escape.
    """
    text = "\n".join(visible(line, LONGEST_MESSAGE) for line in lines)
    print(text, flush=True)  # noqa: T201


def say_json(value: Any, indent: int | None = None) -> None:
    """Print JSON on standard output, in ASCII: no value can do anything to a terminal."""
    text = json.dumps(value, indent=indent).replace("\x7f", "\\u007f")
    print(text, flush=True)  # noqa: T201


def complain(message: str) -> None:
    """Print one line on standard error, if that takes it; `message` may have several."""
    with suppress(OSError, OutputError, ValueError):
        print(f"tvn: {visible_line(message)}", file=sys.stderr, flush=True)  # noqa: T201
