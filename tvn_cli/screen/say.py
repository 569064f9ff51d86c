"""Lines for whoever started the command, safe whatever they quote; nothing else prints."""

import json
import sys
from contextlib import suppress
from typing import Any

from port.text import LONGEST_MESSAGE, visible, visible_line
from tvn_cli.process.streams import OutputError


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
