"""The record of a conversion: what was read, where it went, and proof that nothing changed."""

import hashlib
import json
import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import metadata
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import torch

from port.convert.names import Row
from port.convert.select import Selection
from port.convert.weights import as_bytes
from port.genotype import Genotype

SCHEMA = "tvn-conversion/1"


@dataclass(frozen=True)
class Conversion:
    """What was read, what became of it and what was left aside.

    `before` and `after` map each TensorFlow variable to the SHA-256 of its values in TensorFlow's
    layout: as read from the source, and as read back from the written file and permuted back.
    """

    genotype: Genotype
    rows: Sequence[Row]
    selection: Selection
    before: Mapping[str, str]
    after: Mapping[str, str]
    about: Mapping[str, Any]

    @property
    def num_classes(self) -> int:
        """How many classes the classifier has."""
        return self.rows[-1].tf_shape[0]

    @property
    def num_parameters(self) -> int:
        """Trainable values."""
        return sum(prod(row.tf_shape) for row in self.rows if row.trainable)

    def to_dict(self) -> dict[str, Any]:
        """Everything, for JSON.

        `missing` is always empty, since otherwise nothing is converted; it is there to be read.
        """
        return {
            "schema": SCHEMA,
            **self.about,
            "genotype": self.genotype.to_dict(),
            "num_classes": self.num_classes,
            "parameters": self.num_parameters,
            "prefix": self.selection.prefix,
            "variables": [self._variable(row) for row in self.rows],
            "unused": dict(self.selection.set_aside),
            "missing": [],
        }

    def to_json(self) -> str:
        """The report that stands beside the weights."""
        return json.dumps(self.to_dict(), indent=1)

    def _variable(self, row: Row) -> dict[str, Any]:
        return {
            "tensorflow_name": row.tf_name,
            "stored_as": self.selection.stored[row.tf_name],
            "shape": row.tf_shape,
            "torch_key": row.torch_key,
            "layout": row.layout.name,
            "sha256_before": self.before[row.tf_name],
            "sha256_after": self.after[row.tf_name],
        }


def report_path(weights: str | Path) -> Path:
    """Where the report of a weights file stands: `W.conversion.json` beside `W.safetensors`."""
    return Path(weights).with_suffix(".conversion.json")


def digest(array: np.ndarray) -> str:
    """SHA-256 of an array's bytes, row by row."""
    return hashlib.sha256(as_bytes(np.ascontiguousarray(array))).hexdigest()


def combined_digest(digests: Mapping[str, str]) -> str:
    """One SHA-256 for all variables: of the lines `digest name`, in order of creation."""
    lines = "".join(f"{value} {name}\n" for name, value in digests.items())
    return hashlib.sha256(lines.encode()).hexdigest()


def versions() -> dict[str, str]:
    """The versions that made a file, for its record."""
    return {
        "tvn-port": metadata.version("tvn-port"),
        "python": platform.python_version(),
        "numpy": np.__version__,
        "torch": torch.__version__,
    }
