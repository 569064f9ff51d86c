"""Checkpoints: everything a run needs to go on, in files that are whole or not there.

`RUN/checkpoints/last.pt` is where the run goes on, `epoch-0010.pt` one that is kept. They hold
tensors, numbers and strings, and are read with `weights_only=True`: nothing in them is executed.
The weights alone, for use, are `RUN/last.safetensors` and `RUN/best.safetensors`.
"""

import io
import pickle
import zipfile
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from port.atomic import writing
from port.errors import InputError

FORMAT = "tvn-checkpoint/1"
State = dict[str, Any]


def last_checkpoint(run: Path) -> Path:
    """Where a run goes on from."""
    return run / "checkpoints" / "last.pt"


def kept_checkpoint(run: Path, epoch: int) -> Path:
    """The one that is kept of an epoch."""
    return run / "checkpoints" / f"epoch-{epoch:04d}.pt"


def save(state: State, *paths: Path) -> None:
    """Write `state` to each of `paths`, whole or not at all.

    Raises:
        InputError: it cannot be written, as on a full disk; what was there before is untouched.
    """
    # Into memory first, so that a full disk is met by one plain write.
    buffer = io.BytesIO()
    torch.save({"format": FORMAT, **state}, buffer)
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        with writing(path) as file:
            file.write(buffer.getbuffer())


def load(path: Path) -> State:
    """Read a checkpoint onto the CPU.

    Raises:
        InputError: it is none, or of another version.
    """
    try:
        state: State = torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, EOFError, pickle.UnpicklingError, zipfile.BadZipFile) as error:
        reason = str(error).partition("\n")[0]
        raise InputError(f"{path}: no readable checkpoint ({reason})") from None
    if not isinstance(state, dict) or state.get("format") != FORMAT:
        raise InputError(f"{path}: not a checkpoint of this version of the project")
    return state


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
    for folder in (run, run / "checkpoints"):
        for name in ("last.", "best.", "epoch-", "record.", "config.", "metrics."):
            for path in folder.glob(f".{name}*"):
                path.unlink(missing_ok=True)
