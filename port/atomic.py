"""Files that appear whole or not at all."""

import os
import secrets
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from port.errors import InputError

OPEN_FILES = Path("/proc/self/fd")  # where Linux lets a file be named that has no name


@contextmanager
def writing(path: str | Path) -> Iterator[BinaryIO]:
    """A file to write `path`'s content into; it takes that name only once it is safely on disk.

    Where the system has files without a name, it has none until then: of a process that is killed,
    and in a folder that becomes read-only meanwhile, nothing is left behind.

    Raises:
        InputError: the folder does not exist or cannot be written.
    """
    path = Path(path)
    try:
        file = _open_unnamed(path.parent) or _open_named(path)
    except OSError as error:
        raise InputError(f"{path}: cannot write there ({error.strerror})") from None
    try:
        with file:
            yield file
            file.flush()
            os.fsync(file.fileno())
            name = _named(file, path)
            try:
                name.replace(path)
            except OSError:
                _remove(name)
                raise
    except OSError as error:
        raise InputError(f"{path}: cannot be written ({error.strerror})") from None
    finally:
        if isinstance(file.name, str):
            _remove(Path(file.name))


def name_meanwhile(file: BinaryIO) -> str:
    """By what a library that wants a name can open a file of `writing`."""
    return file.name if isinstance(file.name, str) else str(OPEN_FILES / str(file.fileno()))


def write_text(path: str | Path, text: str) -> None:
    """Write `text` as UTF-8, whole or not at all; raises InputError as `writing` does.

    Lone surrogates, as in names of files that are no UTF-8, are written as escapes.
    """
    with writing(path) as file:
        file.write(text.encode(errors="backslashreplace"))


def _open_unnamed(folder: Path) -> BinaryIO | None:
    """A file in `folder` without a name; None where the system or the file system has no such."""
    if not hasattr(os, "O_TMPFILE") or not OPEN_FILES.is_dir():
        return None
    try:
        number = os.open(folder, os.O_TMPFILE | os.O_RDWR | os.O_CLOEXEC, 0o666)
    except OSError:  # if it speaks of more than that, the other way will say so
        return None
    return os.fdopen(number, "w+b")


def _open_named(path: Path) -> BinaryIO:
    handle = tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", delete=False)  # noqa: SIM115
    # Temporary files are private; what they become is as readable as any new file.
    mask = os.umask(0)
    os.umask(mask)
    os.fchmod(handle.fileno(), 0o666 & ~mask)
    return handle  # type: ignore[return-value]  # a _TemporaryFileWrapper is one in all but type


def _named(file: BinaryIO, path: Path) -> Path:
    """The name of the file, beside `path`; it is given one if it has none."""
    if isinstance(file.name, str):
        return Path(file.name)
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        name = f".{path.name}.{secrets.token_hex(8)}"
        # A folder's descriptor, though the path needs none: without it Python links the link.
        os.link(name_meanwhile(file), name, src_dir_fd=folder, dst_dir_fd=folder)
    finally:
        os.close(folder)
    return path.with_name(name)


def _remove(name: Path) -> None:
    with suppress(OSError):  # it is gone, or the folder has become read-only
        name.unlink()
