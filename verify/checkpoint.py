"""TensorFlow 1 checkpoints from the port's weights, written by TensorFlow's own Saver."""

import os
import tempfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from port.errors import InputError
from port.genotype import Genotype
from verify.original import import_original


def write_checkpoint(
    prefix: str | Path, genotype: Genotype, variables: Mapping[str, np.ndarray]
) -> None:
    """Write `prefix`.index and its data file; nothing appears unless all of it was written.

    Raises:
        InputError: the folder does not exist or cannot be written.
    """
    make_original, prefix = import_original(), Path(prefix)
    try:
        with tempfile.TemporaryDirectory(dir=prefix.parent, prefix=f".{prefix.name}.") as folder:
            classes = len(variables["dense/bias"])
            with make_original(genotype.to_json(), classes, batch=1) as original:
                original.load(variables)
                original.save(str(Path(folder) / prefix.name))
            # The index comes last: without it there is no checkpoint.
            files = Path(folder).glob(f"{prefix.name}.*")
            for file in sorted(files, key=lambda file: file.suffix == ".index"):
                with file.open("rb") as written:
                    os.fsync(written.fileno())
                file.replace(prefix.with_name(file.name))
    except OSError as error:
        raise InputError(f"{prefix}: cannot be written ({error.strerror or error})") from None
