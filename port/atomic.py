"""Files that appear whole or not at all."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from port.errors import InputError


@contextmanager
def writing(path: str | Path) -> Iterator[BinaryIO]:
    """A file to write `path`'s content into; it takes that name only once it is safely on disk.

    Raises:
        InputError: the folder does not exist or cannot be written.
    """
    path = Path(path)
    try:
        handle = tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", delete=False)  # noqa: SIM115
    except OSError as error:
        raise InputError(f"{path}: cannot write there ({error.strerror})") from None
    try:
        with handle:
            yield handle  # type: ignore[misc]  # a _TemporaryFileWrapper is one in all but type
            handle.flush()
            os.fsync(handle.fileno())
        _use_default_mode(handle.name)
        Path(handle.name).replace(path)
    except OSError as error:
        raise InputError(f"{path}: cannot be written ({error.strerror})") from None
    finally:
        Path(handle.name).unlink(missing_ok=True)


def write_text(path: str | Path, text: str) -> None:
    """Write `text` as UTF-8, whole or not at all; raises InputError as `writing` does.

    Lone surrogates, as in names of files that are no UTF-8, are written as escapes.
    """
    with writing(path) as file:
        file.write(text.encode(errors="backslashreplace"))


def _use_default_mode(name: str) -> None:
    """Temporary files are private; what they become is as readable as any new file."""
    mask = os.umask(0)
    os.umask(mask)
    Path(name).chmod(0o666 & ~mask)
