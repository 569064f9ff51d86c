"""TensorFlow checkpoints as sources: by prefix, or by the folder that a training run leaves."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from port.sources.base import Source, TensorInfo, naming, refuse
from port.sources.bundle import Bundle, index_of
from port.sources.object_graph import OBJECT_GRAPH, full_names
from port.sources.protos import parse_text
from port.untrusted import MIB, read_bytes

_STATE_FILE = "checkpoint"
_STATE_BYTES = MIB  # a path a line, of the few checkpoints that are kept

V1_CHECKPOINT = (
    "is a V1 checkpoint (one file, without an .index beside it), as old TensorFlow wrote; restore "
    "it and save it again with tf.compat.v1.train.Saver"
)


class CheckpointSource(Source):
    """The tensors of one bundle, under their variables' names.

    A TF2 bundle keeps tensors by object path (`variables/0/.ATTRIBUTES/VARIABLE_VALUE`); the
    names come from the object graph saved with it, and the path stays in `stored_as`. A
    variable without a name, or with one that another has too, keeps the path as its name.

    Args:
        path: What the user named.
        bundle: The open bundle.
        kind: What it is where the bundle holds no object graph.
        kind_of_objects: What it is where it does.

    Raises:
        InputError: The object graph cannot be read.

    """

    def __init__(self, path: Path, bundle: Bundle, kind: str, kind_of_objects: str) -> None:
        self._bundle = bundle
        infos = bundle.infos()
        if any(info.name == OBJECT_GRAPH for info in infos):
            kind = kind_of_objects
            names = full_names(bundle)
            infos = [
                TensorInfo(
                    names.get(info.name, info.name),
                    info.dtype,
                    info.shape,
                    info.nbytes,
                    info.stored_as,
                )
                for info in infos
                if info.name != OBJECT_GRAPH
            ]
        super().__init__(path, kind, infos, [bundle.index, *bundle.shards])

    def _read(self, info: TensorInfo) -> np.ndarray:
        return self._bundle.read(info.stored_as)


def open_checkpoint(path: Path, prefix: Path) -> CheckpointSource:
    """Return the checkpoint whose files start with `prefix`; `path` is what the user named."""
    return CheckpointSource(path, Bundle(prefix), "TensorFlow checkpoint", "TF2 checkpoint")


def checkpoint_prefix(folder: Path) -> Path:
    """Return the prefix of the checkpoint that a folder holds: the latest, or the only one.

    Raises:
        InputError: There is none, or there are several and nothing says which is meant.

    """
    state = folder / _STATE_FILE
    if state.is_file():
        return _latest(state)
    found = sorted(item for item in folder.iterdir() if item.suffix == ".index")
    if not found:
        raise refuse(
            folder,
            "holds no checkpoint (*.index), no SavedModel (saved_model.pb) and no `checkpoint` "
            "file; name the folder or file that does",
        )
    if len(found) > 1:
        names = ", ".join(item.name for item in found[:4]) + (", ..." if found[4:] else "")
        raise refuse(folder, f"holds {len(found)} checkpoints ({names}); name one of them")
    return found[0].with_suffix("")


def _latest(state: Path) -> Path:
    """Return the prefix that a `checkpoint` state file names as the latest.

    The path in it is relative to the folder, or absolute. A checkpoint of that name beside the
    file comes first: in a folder that was copied or moved, an absolute path leads elsewhere.
    """
    with naming(state):
        data = read_bytes(state, _STATE_BYTES, "a checkpoint state file")
        text = data.decode(errors="replace")
        latest = parse_text("CheckpointState", text).model_checkpoint_path
    if not latest or "\0" in latest:
        raise refuse(state, "has no model_checkpoint_path; name the checkpoint's prefix instead")
    named = state.parent / latest  # an absolute path stays as it is
    for prefix in (state.parent / named.name, named):
        if prefix.name and index_of(prefix).is_file():
            return prefix
        if prefix.is_file():
            raise refuse(prefix, V1_CHECKPOINT)
    raise refuse(state, f"names {latest!r}, which is gone; name a checkpoint that is there")
