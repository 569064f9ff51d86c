"""Paths that are no stored file, or one that no format needs: what other people may hand over."""

import os
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

Make = Callable[[Path], None]


def _socket(path: Path) -> None:
    here = Path.cwd()
    os.chdir(path.parent)  # since a socket's name may have no more than 107 bytes
    try:
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(path.name)
    finally:
        os.chdir(here)


def _sparse(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(100 << 30)


SPECIAL: dict[str, Make] = {
    "pipe": os.mkfifo,
    "socket": _socket,
    "zeros": lambda path: path.symlink_to("/dev/zero"),
    "nothing": lambda path: path.symlink_to("/dev/null"),
    "proc": lambda path: path.symlink_to("/proc/version"),
    "endless_proc": lambda path: path.symlink_to("/proc/kmsg"),
    "memory": lambda path: path.symlink_to("/proc/self/mem"),
    "sparse": _sparse,
    "folder": Path.mkdir,
    "loop": lambda path: path.symlink_to(path.name),
    "dangling": lambda path: path.symlink_to("nowhere"),
}


def make_special(kind: str, path: Path, linked: bool = False) -> Path:
    """Put something of that kind at `path`, or a link there to it beside."""
    target = path.with_name(f"{path.name}.target") if linked else path
    SPECIAL[kind](target)
    if linked:
        path.symlink_to(target.name)
    return path


@contextmanager
def open_files_unchanged() -> Iterator[None]:
    """Fails where a file stays open; garbage is no excuse."""
    before = len(list(Path("/proc/self/fd").iterdir()))
    yield
    assert len(list(Path("/proc/self/fd").iterdir())) == before
