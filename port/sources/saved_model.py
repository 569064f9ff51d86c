"""SavedModels and TF-Hub modules: folders whose weights are the checkpoint in `variables/`.

Format: `tensorflow/cc/saved_model/README.md`. The graph in `saved_model.pb` is not read: the
variables' names are in the checkpoint.
"""

from __future__ import annotations

from pathlib import Path

from port.sources.base import refuse
from port.sources.bundle import Bundle, index_of
from port.sources.checkpoint import CheckpointSource

MODEL_FILE = "saved_model.pb"
_HUB_FILE = "tfhub_module.pb"


def open_saved_model(path: Path, folder: Path) -> CheckpointSource:
    """Return the weights of the SavedModel in `folder`; `path` is what the user named.

    Raises:
        InputError: It has no variables, or they cannot be read.

    """
    prefix = folder / "variables" / "variables"
    if not index_of(prefix).is_file():
        raise refuse(
            folder,
            "is a SavedModel without variables (variables/variables.index); copy that folder "
            "too, or name a checkpoint",
        )
    if (folder / _HUB_FILE).is_file():
        return CheckpointSource(path, Bundle(prefix), "TF-Hub module", "TF-Hub module")
    return CheckpointSource(path, Bundle(prefix), "TF1 SavedModel", "TF2 SavedModel")
