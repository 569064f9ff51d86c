"""What every refusal must be: one InputError, one line, soon, and in little memory."""

from __future__ import annotations

import re
import tracemalloc
from pathlib import Path

import pytest

from port.errors import InputError
from port.sources import open_source

# What Python and numpy need to say no, beside twice the file.
_ALLOWED = 4 << 20


def read_all(path: Path) -> dict[str, bytes]:
    """Return every tensor's bytes, and let go of the source."""
    with open_source(path) as source:
        return {name: source[name].tobytes() for name in source}


def assert_refused(path: Path, problem: str, file_bytes: int = 0) -> None:
    """Assert that reading `path` fails with one line that names it and matches `problem`."""
    tracemalloc.start()
    try:
        with pytest.raises(InputError) as caught:
            read_all(path)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    message = str(caught.value)
    assert len(message.splitlines()) == 1
    assert message.startswith(str(path.parent))
    assert re.search(problem, message), message
    assert peak < 2 * file_bytes + _ALLOWED
