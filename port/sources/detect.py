"""Looking at a path and saying what it is."""

from __future__ import annotations

import re
from pathlib import Path

from port.sources.base import Source, naming, refuse
from port.sources.checkpoint import checkpoint_prefix, open_checkpoint

_BUNDLE_FILE = re.compile(r"(?P<prefix>.+)\.(index|data-\d{5}-of-\d{5})")


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
        if path.is_dir():
            return open_checkpoint(path, checkpoint_prefix(path))
        if match := _BUNDLE_FILE.fullmatch(path.name):
            return open_checkpoint(path, path.with_name(match["prefix"]))
        return open_checkpoint(path, path)
