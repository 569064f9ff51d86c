"""What must be known of an original that anybody brings: its weights, its layers, how it runs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from verify.custom.layouts.fingerprint import Fingerprint
from verify.specs.spec import OriginalRunner
from verify.specs.training_spec import TrainingRunner

# The tap of what the whole net returns.
OUTPUT = "output"
# Behind a recurrent layer's tap: what it returns of its sequence.
RETURNED = "/returned"


@dataclass(frozen=True, slots=True)
class Call:
    """One layer at work: the tap of its output, its own variables, what it read and computed.

    `inside` are the variables of layers inside of it, which work by themselves as well. A layer
    that works more than once has a `Call` each time, `name`, `name#2` and so on.
    """

    tap: str
    variables: tuple[str, ...]
    reads: tuple[Fingerprint, ...]
    value: np.ndarray
    inside: tuple[str, ...] = ()

    def reads_from(self, other: "Call") -> bool:
        """Does it read what the other computed?"""
        value = Fingerprint.of(other.value)
        return any(read.matches(value) for read in self.reads)


class AnyOriginal(Protocol):
    """An original, in whatever form it comes."""

    @property
    def variables(self) -> Mapping[str, np.ndarray]:
        """Every weight by name."""
        ...

    @property
    def notes(self) -> Sequence[str]:
        """What a reader of the report should know, once it has run."""
        ...

    def calls(self, inputs: Mapping[str, np.ndarray]) -> list[Call]:
        """Every layer at work in float64, in the order of computation; `OUTPUT` comes last."""
        ...

    @property
    def trainable(self) -> frozenset[str]:
        """The variables that training changes through gradients; none, if it cannot be trained."""
        ...

    def trainer(self, precision: str) -> TrainingRunner:
        """One that makes training steps in `float64` or `float32`."""
        ...

    def runner(self, precision: str, inputs: Sequence[str]) -> OriginalRunner:
        """One that runs it in `float64` or `float32` on inputs of these names."""
        ...
