"""The port's weights back in TensorFlow's own forms, written by TensorFlow itself."""

import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from port.errors import InputError
from port.genotype import Genotype
from verify.tvn.original import import_original

Variables = Mapping[str, np.ndarray]


def write_checkpoint(prefix: str | Path, genotype: Genotype, variables: Variables) -> None:
    """Write a TensorFlow 1 checkpoint: `prefix`.index and its data file, both or neither.

    Raises:
        InputError: TensorFlow is not installed, or the folder cannot be written.
    """
    prefix = Path(prefix)
    with _written_beside(prefix) as folder:
        with _original(genotype, variables, batch=1) as original:
            original.save(str(folder / prefix.name))
        # The index comes last: without it there is no checkpoint.
        files = folder.glob(f"{prefix.name}.*")
        for file in sorted(files, key=lambda file: file.suffix == ".index"):
            with file.open("rb") as written:
                os.fsync(written.fileno())
            file.replace(prefix.with_name(file.name))


def write_saved_model(
    target: str | Path,
    genotype: Genotype,
    variables: Variables,
    *,
    height: int | None = None,
    width: int | None = None,
    max_pool_predictions: bool = False,
) -> None:
    """Write a SavedModel that serves any number of clips; the folder appears whole or not at all.

    Signature `serving_default`: `video` `[batch, frames, H, W, 3]`, RGB in [0, 1], to `logits`
    `[batch, classes]`.

    Args:
        target: the folder, which must not exist yet.
        genotype: the net.
        variables: its weights by TensorFlow name.
        height: of the frames in pixels; the genotype's if None.
        width: likewise.
        max_pool_predictions: take the head that pools over frames.

    Raises:
        InputError: TensorFlow is not installed, or the folder exists or cannot be written.
    """
    target = Path(target)
    if target.exists():
        raise InputError(f"{target}: exists already; name a folder that does not")
    options: dict[str, Any] = {"height": height, "width": width}
    with _written_beside(target) as folder:
        with _original(
            genotype, variables, batch=None, max_pool_predictions=max_pool_predictions, **options
        ) as original:
            original.save_saved_model(str(folder / "saved_model"))
        (folder / "saved_model").replace(target)


def _original(genotype: Genotype, variables: Variables, **options: Any) -> Any:
    original = import_original()(genotype.to_json(), len(variables["dense/bias"]), **options)
    original.load(variables)
    return original


@contextmanager
def _written_beside(target: Path) -> Iterator[Path]:
    """A folder beside `target` to write into; it and what is left in it go in the end."""
    try:
        with tempfile.TemporaryDirectory(dir=target.parent, prefix=f".{target.name}.") as folder:
            yield Path(folder)
    except OSError as error:
        raise InputError(f"{target}: cannot be written ({error.strerror or error})") from None
