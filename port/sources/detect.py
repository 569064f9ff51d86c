"""Looking at a path and saying what it is."""

from __future__ import annotations

import re
from glob import escape
from pathlib import Path

from port.sources.archive import ArchiveSource
from port.sources.base import Source, naming, open_weights, refuse
from port.sources.bundle import index_of
from port.sources.checkpoint import V1_CHECKPOINT, checkpoint_prefix, open_checkpoint
from port.sources.frozen_graph import FrozenGraphSource
from port.sources.npz import NpzSource
from port.sources.saved_model import MODEL_FILE, open_saved_model
from port.sources.table import MAGIC

_BUNDLE_FILE = re.compile(r"(?P<prefix>.+)\.(index|data-\d{5}-of-\d{5})", re.DOTALL)
_ZIP = b"PK"
_GZIP = b"\x1f\x8b"
_TAR, _TAR_AT = b"ustar", 257
_TAR_SUFFIXES = (".tar", ".tar.gz", ".tgz")

# How files that are no weights of TensorFlow start, and what to do about each.
_OTHERS = {
    b"\x89HDF": "is an HDF5 file (Keras weights); load it with Keras and save a checkpoint",
    b"\x80": "is a Python pickle, which is never loaded; save a checkpoint or an .npz archive",
    _ZIP: "is a zip archive; name it .npz if numpy wrote it (PyTorch's are no source of weights)",
    b"\x93NUMPY": "is a single array; save all of them in an .npz archive",
}


def open_source(path: str | Path) -> Source:
    """Open whatever weights are at `path`; close the source when done with it.

    Args:
        path: A checkpoint's prefix, `.index` or `.data-...` file; a folder with a checkpoint;
            a SavedModel or TF-Hub module, as a folder or in a tar archive; a frozen graph
            (`.pb`); or an `.npz` archive.

    Raises:
        InputError: There is nothing at `path`, or nothing that can be read as weights.

    """
    path = Path(path)
    if "\0" in str(path):
        raise refuse(path, "is no path; name a file or folder")
    with naming(path):
        source = _open_folder(path) if path.is_dir() else _open_named(path)
    if not source:
        source.close()
        raise refuse(path, f"this {source.kind} holds no tensors; name one that does")
    return source


def _open_folder(folder: Path) -> Source:
    if (folder / MODEL_FILE).is_file():
        return open_saved_model(folder, folder)
    return open_checkpoint(folder, checkpoint_prefix(folder))


def _open_named(path: Path) -> Source:
    """Open the checkpoint or the single file that `path` names."""
    if match := _BUNDLE_FILE.fullmatch(path.name):
        return open_checkpoint(path, path.with_name(match["prefix"]))
    if index_of(path).is_file():
        return open_checkpoint(path, path)
    if path.is_file():
        return _open_file(path)
    if path.exists():
        raise refuse(path, "is no file or folder; name one")
    if any(path.parent.glob(f"{escape(path.name)}.data-*")):
        raise refuse(index_of(path), "no such file, but its data is there; copy it too")
    raise refuse(path, "no such file; name a checkpoint's prefix, a folder or a file of weights")


def _open_file(path: Path) -> Source:
    """Open a single file, by what it starts and ends with and what it is called."""
    with open_weights(path) as file:
        start = file.read(512)
        file.seek(max(0, file.seek(0, 2) - len(MAGIC)))
        end = file.read()
    tar = start.startswith(_GZIP) or start[_TAR_AT:].startswith(_TAR)
    if tar or path.name.endswith(_TAR_SUFFIXES):
        return ArchiveSource(path, _open_folder)
    if path.suffix == ".npz":
        return NpzSource(path)
    if end == MAGIC:
        raise refuse(path, V1_CHECKPOINT)
    for magic, problem in _OTHERS.items():
        if start.startswith(magic):
            raise refuse(path, problem)
    if path.name == MODEL_FILE:
        return open_saved_model(path, path.parent)
    if path.suffix == ".pb":
        return FrozenGraphSource(path)
    raise refuse(path, "is no checkpoint, SavedModel, tar archive, frozen graph (.pb) or .npz")
