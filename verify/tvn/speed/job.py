"""What is measured: a net with its weights in a folder, and how it is fed."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from port.convert.weights import load_weights, save_weights
from port.errors import InputError
from port.genotype import Genotype
from port.model import TinyVideoNet
from verify.tvn.subject import build_port, seed_variables

SEED = 0


@dataclass(frozen=True)
class Job:
    """A net in a folder that also holds what engines need to have prepared.

    Args:
        name: of the net, for tables.
        folder: its own; what it holds already is not made again.
        batch: clips at a time.
        threads: that an engine may use.
    """

    name: str
    folder: Path
    batch: int = 1
    threads: int = 1

    @property
    def weights(self) -> Path:
        """The net's weights file."""
        return self.folder / "weights.safetensors"

    def create(self, genotype: Genotype, num_classes: int) -> None:
        """Write seeded weights, unless they are there.

        Raises:
            InputError: the folder keeps the weights of another net.
        """
        if self.weights.exists():
            kept = load_weights(self.weights)
            if (kept.genotype, kept.num_classes) != (genotype, num_classes):
                raise InputError(
                    f"{self.folder}: --keep holds another net of that name; name another folder"
                )
        else:
            self.folder.mkdir(parents=True, exist_ok=True)
            net = build_port(genotype, seed_variables(genotype, num_classes, SEED), False)
            save_weights(self.weights, genotype, net.state_dict())

    def net(self) -> TinyVideoNet:
        """The net, in evaluation mode."""
        return load_weights(self.weights).build().eval()

    def genotype(self) -> Genotype:
        """The net's."""
        return load_weights(self.weights).genotype

    def clips(self) -> np.ndarray:
        """`[batch, 3, T, H, W]`, float32, the same each time."""
        clip = self.genotype().clip
        shape = (self.batch, 3, clip.num_frames, clip.image_size, clip.image_size)
        return np.random.default_rng(SEED).random(shape, np.float32)

    def to_dict(self) -> dict[str, Any]:
        """For another process."""
        return {"name": self.name, "folder": str(self.folder), "batch": self.batch,
                "threads": self.threads}  # fmt: skip

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> "Job":
        """Undo `to_dict`."""
        return cls(**{**data, "folder": Path(data["folder"])})
