"""What comparing two sides in training needs to know of them: one training step, as arrays."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from verify.numerics.arrays import Arrays
from verify.specs.about import About

LOGITS, LOSS = "logits", "loss"


def gradient_of(variable: str) -> str:
    """What the gradient of a variable is called; a moving statistic has its variable's name."""
    return f"gradient/{variable}"


INPUT_GRADIENT = gradient_of("input")


@dataclass(frozen=True)
class TrainingBatch:
    """What one training step reads.

    `clips` `[B, T, H, W, 3]` in [0, 1]; `labels` `[B]`, each clip's class, or `[B, classes]` of
    zeros and ones for the sigmoid loss; `kept`: where dropout is on, which of the classifier's
    inputs stay, and `keep_probability`, the original's.
    """

    clips: np.ndarray
    labels: np.ndarray
    kept: np.ndarray | None = None
    keep_probability: float = 1.0


class TrainingRunner(Protocol):
    """One side in one precision."""

    def run(self, batch: TrainingBatch) -> Arrays:
        """Every value of one step, in the original's layout; nothing is updated.

        What a wrong port does not compute is left out.
        """
        ...

    def close(self) -> None:
        """Free what the runner holds."""
        ...


@dataclass(frozen=True)
class TrainingSpec:
    """A port and its original, to be trained.

    `values`: the name of everything a step computes, in the order of computation: each moving
    statistic after its update, logits, loss, then the gradients from the loss backwards. All are of
    variables but `input_gradient`, that of what the net reads.
    """

    name: str
    values: Sequence[str]
    original: Callable[[str], TrainingRunner]
    port: Callable[[str], TrainingRunner]
    batches: Sequence[TrainingBatch]
    input_gradient: str = ""
    about: About = field(default_factory=About)
