"""The whole way of `tvn convert`: a source of TensorFlow weights in, a safetensors file out."""

import hashlib
import platform
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import torch

from port.checkpoint_names import Selection, select
from port.errors import InputError
from port.genotype import Genotype
from port.names import Row, table
from port.sources import Source, open_source
from port.transfer import CLASSIFIER_BIAS, AnyGenotype, check_shapes, class_count
from port.weights import DTYPES, Entry, as_bytes, stream_weights


@dataclass(frozen=True)
class Conversion:
    """What was read, what became of it and what was left aside.

    `digests` maps each TensorFlow variable to the SHA-256 of its values in TensorFlow's layout.
    """

    genotype: Genotype
    rows: Sequence[Row]
    selection: Selection
    digests: dict[str, str]
    about: dict[str, Any]

    @property
    def num_classes(self) -> int:
        """How many classes the classifier has."""
        return self.rows[-1].tf_shape[0]

    @property
    def num_parameters(self) -> int:
        """Trainable values."""
        return sum(int(np.prod(row.tf_shape)) for row in self.rows if row.trainable)


def convert(
    source: str | Path,
    genotype: AnyGenotype,
    output: str | Path,
    *,
    class_names: Sequence[str] | None = None,
    use_ema: bool = False,
    prefix: str | None = None,
) -> Conversion:
    """Convert TensorFlow weights to a `.safetensors` file, which appears whole or not at all.

    Args:
        source: a checkpoint or any other form that `open_source` knows.
        genotype: the net the weights belong to.
        output: the file to write.
        class_names: names to put into the header, one a class.
        use_ema: take the moving averages of the weights.
        prefix: what stands in front of every name in the source; found by itself if None.

    Raises:
        InputError: the source cannot be read, does not fit the net or holds NaN or infinity; the
            output cannot be written.
    """
    genotype = Genotype.load(genotype)
    with open_source(source) as opened:
        rows, selection = match(opened, genotype, use_ema=use_ema, prefix=prefix)
        classes = rows[-1].tf_shape[0]
        if class_names is not None and len(class_names) != classes:
            raise InputError(f"{len(class_names)} class names for {classes} classes")
        digests = {row.tf_name: _digest(opened, selection, row) for row in rows}
        about = {
            "class_names": list(class_names) if class_names else None,
            "source": opened.kind,
            "source_sha256": combined_digest(digests),
            "versions": versions(),
        }
        entries = [_entry(opened, selection, row) for row in rows]
        stream_weights(output, genotype, entries, about)
    return Conversion(genotype, rows, selection, digests, about)


def read_variables(
    source: str | Path, genotype: Genotype, *, use_ema: bool = False, prefix: str | None = None
) -> dict[str, np.ndarray]:
    """All of the net's variables from a source, under their own names; errors as in `convert`."""
    with open_source(source) as opened:
        rows, selection = match(opened, genotype, use_ema=use_ema, prefix=prefix)
        return {row.tf_name: _read(opened, selection, row) for row in rows}


def match(
    source: Source, genotype: Genotype, *, use_ema: bool = False, prefix: str | None = None
) -> tuple[tuple[Row, ...], Selection]:
    """The net's table for this source, and which stored tensor is which variable.

    Raises:
        InputError: missing, unexpected and misshapen variables, all by name.
    """
    # The names depend on the genotype alone, so the class count can wait until they are matched.
    selection = select(source, table(genotype, 1), use_ema=use_ema, prefix=prefix)
    shapes = {name: source.info(stored).shape for name, stored in selection.stored.items()}
    try:
        rows = table(genotype, class_count(shapes, CLASSIFIER_BIAS))
        check_shapes(shapes, {row.tf_name: row.tf_shape for row in rows})
    except InputError as error:
        raise InputError(f"{source.path}: {error}") from None
    for row in rows:
        stored = source.info(selection.stored[row.tf_name])
        if stored.dtype not in DTYPES:
            raise InputError(f"{source.path}: {stored.name} is of type {stored.dtype}, no float")
    return rows, selection


def combined_digest(digests: dict[str, str]) -> str:
    """One SHA-256 for all variables: of the lines `digest name`, in order of creation."""
    lines = "".join(f"{digest} {name}\n" for name, digest in digests.items())
    return hashlib.sha256(lines.encode()).hexdigest()


def versions() -> dict[str, str]:
    """The versions that made a file, for its record."""
    return {
        "tvn-port": metadata.version("tvn-port"),
        "python": platform.python_version(),
        "numpy": np.__version__,
        "torch": torch.__version__,
    }


def _read(source: Source, selection: Selection, row: Row) -> np.ndarray:
    array = source[selection.stored[row.tf_name]]
    if not np.isfinite(array).all():
        raise InputError(
            f"{source.path}: {row.tf_name} holds NaN or infinity; the training that wrote it "
            "diverged, take an earlier checkpoint"
        )
    return array


def _digest(source: Source, selection: Selection, row: Row) -> str:
    array = np.ascontiguousarray(_read(source, selection, row))
    return hashlib.sha256(as_bytes(array)).hexdigest()


def _entry(source: Source, selection: Selection, row: Row) -> Entry:
    stored = source.info(selection.stored[row.tf_name])
    shape = tuple(row.tf_shape[axis] for axis in row.layout.axes)
    return Entry(
        row.torch_key, stored.dtype, shape, lambda: row.layout.to_torch(source[stored.name])
    )
