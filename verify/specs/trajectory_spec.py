"""What comparing many training steps needs to know of the two sides."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from verify.numerics.arrays import Arrays
from verify.specs.training_spec import TrainingBatch


class Trainer(Protocol):
    """One side in one precision, with an optimizer."""

    def step(self, batch: TrainingBatch) -> float:
        """Update the weights once; return the loss before."""
        ...

    def values(self) -> Arrays:
        """Every variable's present value by TensorFlow's name."""
        ...

    def close(self) -> None:
        """Free what the trainer holds."""
        ...


@dataclass(frozen=True)
class TrajectorySpec:
    """What is trained: `original` and `port` make a trainer from a precision and weights.

    `variables` are the weights to start from, float32, by TensorFlow's names.
    """

    name: str
    original: Callable[[str, Mapping[str, np.ndarray]], Trainer]
    port: Callable[[str, Mapping[str, np.ndarray]], Trainer]
    variables: Mapping[str, np.ndarray]
    batches: Sequence[TrainingBatch]
