"""One process at a time in a run's folder: the lock that it holds while it is there.

POSIX record locks (`fcntl.lockf`), and not the `flock` of filelock: the system lets them go with
the process that holds them, whatever becomes of its data workers, where a `flock` lives on in each
forked one, and for ever in one that is stopped. They are also what NFS and its like carry over to
the server. filelock besides empties the file that it locks, and the holder's name with it.
"""

import errno
import fcntl
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path

from port.errors import InputError
from port.text import visible
from train.distributed import World
from train.mounts import why_locks_stay_here

NAME = "run.lock"
NOTE_BYTES = 200
# Of this process, which its own locks would not keep out.
_held: set[Path] = set()


@contextmanager
def locked(folder: Path, world: World) -> Iterator[None]:
    """Hold a run's folder; it is made if there is none, and removed again if it stays empty.

    The first process of a run holds it for all of them.

    Raises:
        InputError: in every process of the run: another run is going on in the folder, it cannot be
            written, or lies where a lock would not be seen from other machines.
    """
    made = [path for path in (folder, *folder.parents) if not os.path.lexists(path)]
    file, refusal = -1, None
    if world.main:
        try:
            file = _hold(folder)
        except InputError as error:
            refusal = str(error)
    try:
        if (refusal := world.gather(refusal)[0]) is not None:
            raise InputError(refusal)
        yield
    finally:
        if file >= 0:
            _let_go(folder, file)
        for path in made if world.main else ():
            with suppress(OSError):  # it holds a run
                path.rmdir()


def _hold(folder: Path) -> int:
    """The descriptor of the folder's lock file, locked and with this process's name in it."""
    path, file = folder / NAME, -1
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if (reason := why_locks_stay_here(folder)) is not None:
            raise InputError(
                f"{folder}: --run lies on {reason}, where another machine would not see that a "
                "run is going on; name a folder on a local disk"
            )
        while file < 0 or not _is_at(path, file):
            if file >= 0:  # its holder ended and removed it meanwhile
                os.close(file)
                file = -1
            file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK, 0o666)
            if folder.resolve() in _held or not _lock(file):
                raise InputError(
                    f"{folder}: a run is going on there, by {_holder(file)}; wait for its end, "
                    "stop it, or name another --run"
                )
        note = f"process {os.getpid()} on {socket.gethostname()} since {datetime.now():%F %T}"
        os.ftruncate(file, 0)
        os.pwrite(file, note.encode(), 0)
    except BaseException as error:
        if file >= 0:
            os.close(file)
        if isinstance(error, OSError):
            raise InputError(f"{folder}: --run cannot be written ({error.strerror})") from None
        raise
    _held.add(folder.resolve())
    return file


def _lock(file: int) -> bool:
    """Whether nobody else holds it, and this process now does."""
    try:
        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in (errno.EACCES, errno.EAGAIN):
            return False
        raise
    return True


def _is_at(path: Path, file: int) -> bool:
    """Whether the open file is the one of that name."""
    try:
        return os.path.samestat(os.fstat(file), path.stat())
    except FileNotFoundError:
        return False


def _holder(file: int) -> str:
    """Who holds it, in words."""
    note = os.pread(file, NOTE_BYTES, 0).decode(errors="replace")
    return visible(note) or "another process"


def _let_go(folder: Path, file: int) -> None:
    """Remove the lock file while it is still held, then end the lock."""
    _held.discard(folder.resolve())
    with suppress(OSError):
        (folder / NAME).unlink()
    os.close(file)
