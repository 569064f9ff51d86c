"""Checkpoints: everything a run needs to go on, in files that are whole or not there.

RUN/checkpoints/last.pt        where the run goes on
RUN/checkpoints/previous.pt    the one before it, should the last be damaged on the disk
RUN/checkpoints/epoch-0010.pt  one that is kept
RUN/checkpoints/damaged.pt     a last one that was found damaged, put aside

Each ends in the SHA-256 of what stands in front, as the comment of the zip archive that PyTorch
makes, and is not looked into before that is checked. They hold tensors, numbers and strings, and
are read with `weights_only=True`: nothing in them is executed. What they must hold, says
`train.checkpoint_form`. The weights alone, for use, are `RUN/last.safetensors` and
`RUN/best.safetensors`.
"""

import hashlib
import io
import struct
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import Tensor

from port.atomic import writing
from port.errors import InputError
from port.untrusted import GIB, open_regular

FORMAT = "tvn-checkpoint/2"
RESUME = ("last", "previous")
MARK = b"sha256:"
HEX_DIGITS = 64
State = dict[str, Any]
Taken = TypeVar("Taken")


def last_checkpoint(run: Path) -> Path:
    """Where a run goes on from."""
    return run / "checkpoints" / "last.pt"


def previous_checkpoint(run: Path) -> Path:
    """The one before it."""
    return run / "checkpoints" / "previous.pt"


def newest_checkpoint(run: Path) -> Path:
    """The last one; the one before it where a process was killed as it put a new one in place."""
    last, previous = last_checkpoint(run), previous_checkpoint(run)
    return previous if previous.exists() and not last.exists() else last


def kept_checkpoint(run: Path, epoch: int) -> Path:
    """The one that is kept of an epoch."""
    return run / "checkpoints" / f"epoch-{epoch:04d}.pt"


def save(run: Path, state: State, kept_epoch: int | None = None) -> None:
    """Write the last checkpoint, whole or not at all; the one that was the last becomes previous.

    Args:
        run: its folder.
        state: what it takes to go on.
        kept_epoch: of the epoch whose checkpoint is kept as well.

    Raises:
        InputError: it cannot be written, as on a full disk; what was there before is untouched.
    """
    # Into memory first, so that a full disk is met by one plain write.
    buffer = io.BytesIO()
    torch.save({"format": FORMAT, **state}, buffer)
    data, last = sealed(buffer.getvalue()), last_checkpoint(run)
    last.parent.mkdir(parents=True, exist_ok=True)
    if kept_epoch is not None:
        _write(kept_checkpoint(run, kept_epoch), data)
    following = _following_checkpoint(run)
    _write(following, data)
    try:
        if last.exists():
            last.replace(previous_checkpoint(run))
        following.replace(last)
    except OSError as error:
        raise InputError(f"{last}: cannot be written ({error.strerror})") from None


def load(path: Path, limit: int = GIB) -> State:
    """Read a checkpoint onto the CPU.

    Args:
        path: the file.
        limit: the most bytes that it can need.

    Raises:
        InputError: it is none, or of another version, or its content does not match its digest.
    """
    data = _read(path, limit)
    try:
        with warnings.catch_warnings():  # of PyTorch, about how others wrote it
            warnings.simplefilter("ignore")
            state: State = torch.load(data, map_location="cpu", weights_only=True)
    except Exception:  # whatever its parser makes of a file that somebody made and sealed
        raise InputError(f"{path}: no readable checkpoint") from None
    if not isinstance(state, dict) or state.get("format") != FORMAT:
        raise InputError(f"{path}: not a checkpoint of this version of the project")
    return state


def take_up(run: Path, read: Callable[[Path], Taken], resume: str) -> tuple[Taken, Path]:
    """What `read` makes of the last checkpoint, and the path that it was taken from.

    Args:
        run: its folder.
        read: reads a checkpoint, and raises InputError where it is not fit to go on from.
        resume: `previous` takes the one before it where the last is damaged; `last` does not.

    Raises:
        InputError: says what is damaged, and what can be done.
    """
    path, previous = newest_checkpoint(run), previous_checkpoint(run)
    try:
        return read(path), path
    except InputError as error:
        if path == previous or not previous.exists():
            raise InputError(
                f"{error}; there is no checkpoint before it: put one that was kept "
                f"(epoch-….pt) in its place, or begin anew in another --run"
            ) from None
        if resume != "previous":
            raise InputError(
                f"{error}; --resume=previous goes on from the checkpoint before it"
            ) from None
    return read(previous), previous


def set_damaged_aside(run: Path) -> None:
    """Let the previous checkpoint be the newest one; the last is kept as `damaged.pt`."""
    last = last_checkpoint(run)
    try:
        last.replace(last.with_name("damaged.pt"))
    except OSError as error:
        raise InputError(f"{last}: cannot be put aside ({error.strerror})") from None


def sealed(archive: bytes) -> bytes:
    """A zip archive without a comment, given its own SHA-256 as comment."""
    body = archive[:-2] + struct.pack("<H", len(MARK) + HEX_DIGITS) + MARK
    return body + hashlib.sha256(body).hexdigest().encode()


def check_finite(tensors: dict[str, Tensor], step: int) -> None:
    """Refuse weights that are no numbers, before they replace good ones.

    Raises:
        InputError: names the first that is not finite.
    """
    for name, tensor in tensors.items():
        if tensor.is_floating_point() and not bool(torch.isfinite(tensor).all()):
            raise InputError(not_finite(f"weights {name}", step))


def not_finite(what: str, step: int) -> str:
    """What to say, and to do, where training broke down."""
    return (
        f"step {step}: the {what} became NaN or infinite; the last checkpoint is intact. Train "
        "anew with a smaller lr, or with clip_norm=1"
    )


def clear_leftovers(run: Path) -> None:
    """Remove what a process left behind that was killed while it wrote a file aside."""
    _following_checkpoint(run).unlink(missing_ok=True)
    for folder in (run, run / "checkpoints"):
        for name in ("last.", "best.", "following.", "epoch-", "record.", "config.", "metrics."):
            for path in folder.glob(f".{name}*"):
                path.unlink(missing_ok=True)


def _following_checkpoint(run: Path) -> Path:
    """The next last one, before it has that place."""
    return run / "checkpoints" / "following.pt"


def _write(path: Path, data: bytes) -> None:
    with writing(path) as file:
        file.write(data)


def _read(path: Path, limit: int) -> io.BytesIO:
    """The bytes of a file that ends in their digest."""
    tail = len(MARK) + HEX_DIGITS
    with open_regular(path, limit, "a checkpoint of this run") as file:
        try:
            # The end first, so that no memory is spent on what is none.
            file.seek(max(0, file.seek(0, io.SEEK_END) - tail))
            if file.read(len(MARK)) != MARK:
                raise InputError(
                    f"{path}: no readable checkpoint: it ends in no digest, as one that was cut "
                    "short, or written by an earlier version"
                )
            file.seek(0)
            data = file.read(limit)
        except OSError as error:
            raise InputError(f"{path}: cannot be read ({error.strerror})") from None
    content = memoryview(data)[:-HEX_DIGITS]
    if hashlib.sha256(content).hexdigest().encode() != data[-HEX_DIGITS:]:
        raise InputError(f"{path}: damaged: its content does not match its digest")
    return io.BytesIO(data)
