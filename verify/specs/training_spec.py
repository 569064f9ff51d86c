"""What comparing two sides in training needs to know of them: one training step, as arrays."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import numpy as np

from verify.numerics.arrays import Arrays
from verify.specs.about import About

LOGITS, LOSS, PENALTY = "logits", "loss", "penalty"
# Makes other arrays of arrays by name.
Move = Callable[[Mapping[str, np.ndarray]], Mapping[str, np.ndarray]]


def gradient_of(variable: str) -> str:
    """What the gradient of a variable is called; a moving statistic has its variable's name."""
    return f"gradient/{variable}"


def trainable(variable: str) -> str:
    """What it is called whether a variable is trained, as a number: 0 or 1."""
    return f"trainable/{variable}"


INPUT_GRADIENT = gradient_of("input")


def gradients_of_inputs(inputs: Mapping[str, np.ndarray]) -> dict[str, str]:
    """By input what its gradient is called; whole numbers have none."""
    floats = [name for name, array in inputs.items() if array.dtype.kind == "f"]
    alone = len(inputs) == 1
    return {name: INPUT_GRADIENT if alone else f"{INPUT_GRADIENT}:{name}" for name in floats}


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

    def moved(self, move: Move) -> "TrainingBatch":
        """With other clips: what `move` makes of them."""
        return replace(self, clips=move({"clips": self.clips})["clips"])


@dataclass(frozen=True)
class NetBatch:
    """What a training step of any net reads.

    `inputs` by name; `weights` by output tap: the loss is the sum of all outputs, each number times
    its weight, and, if `penalised`, what the layers add to it themselves.
    """

    inputs: Arrays
    weights: Arrays
    penalised: bool = False

    def moved(self, move: Move) -> "NetBatch":
        """With other inputs: what `move` makes of them."""
        return replace(self, inputs=dict(move(self.inputs)))


class TrainingRunner(Protocol):
    """One side in one precision."""

    def run(self, batch: Any) -> Arrays:
        """Every value of one step, in the original's layout; nothing is updated.

        What a wrong port does not compute is left out. A batch is a `TrainingBatch`, or a
        `NetBatch`, as the spec has them.
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
    variables but `input_gradient`, that of what the net reads; of several inputs each has one,
    with a colon and its name behind.
    """

    name: str
    values: Sequence[str]
    original: Callable[[str], TrainingRunner]
    port: Callable[[str], TrainingRunner]
    batches: Sequence[Any]
    input_gradient: str = ""
    about: About = field(default_factory=About)
