"""What must be known of an original that anybody brings: its weights, its layers, how it runs."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from verify.custom.layouts.fingerprint import ROUNDED_CLOSE, Fingerprint
from verify.specs.spec import OriginalRunner
from verify.specs.training_spec import TrainingRunner

# The tap of what the whole net returns; of several things, `output/` and the key or number of each.
OUTPUT = "output"
# Behind a recurrent layer's tap: what it returns of its sequence.
RETURNED = "/returned"
# By input the size of each axis, None where any will do.
Sizes = Mapping[str, tuple[int | None, ...]]


def output_tap(name: str) -> str:
    """The tap of an output by its name in what is returned; one that comes alone has none."""
    return f"{OUTPUT}/{name}" if name else OUTPUT


def is_output(tap: str) -> bool:
    """Is it the tap of an output?"""
    return tap == OUTPUT or tap.startswith(f"{OUTPUT}/")


def layer_tap(path: str, inputs: Collection[str]) -> str:
    """The tap of a layer by its path; none of an output, nor an input, whatever it is called."""
    return f"layer {path}" if is_output(path) or path in inputs else path


@dataclass(frozen=True, slots=True)
class Call:
    """One layer at work: the tap of its output, its own variables, what it read and computed.

    `inside` are the variables of layers inside of it, which work by themselves as well. A layer
    that works more than once has a `Call` each time, `name`, `name#2` and so on. `unpassed` are
    bends of an activation that no value passes, see `verify.custom.originals.bends`; `steps` what a
    recurrent layer reads, step by step. `rounded`: it is known to float32 only, having read what a
    layer computed that has no float64.
    """

    tap: str
    variables: tuple[str, ...]
    reads: tuple[Fingerprint, ...]
    value: np.ndarray
    inside: tuple[str, ...] = ()
    unpassed: tuple[float, ...] = ()
    steps: tuple[Fingerprint, ...] = ()
    rounded: bool = False

    def within(self, otherwise: float) -> float:
        """How near to its value a right port comes, of the largest number."""
        return max(otherwise, ROUNDED_CLOSE) if self.rounded else otherwise

    def reads_from(self, other: "Call") -> bool:
        """Does it read what the other computed?"""
        value = Fingerprint.of(other.value)
        return any(read.matches(value) for read in self.reads)


def outputs_of(calls: Sequence[Call]) -> dict[str, Call]:
    """Of all calls the outputs, by tap."""
    return {call.tap: call for call in calls if is_output(call.tap)}


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
        """Every layer at work in float64, in the order of computation, and last the outputs.

        Weights of the model itself are the last output's.
        """
        ...

    @property
    def unused(self) -> Mapping[str, Sequence[str]]:
        """By kind, the layers that have what training alone uses, as dropout is."""
        ...

    def sizes(self, inputs: Mapping[str, np.ndarray]) -> Sizes:
        """What it takes in the place of `inputs`; nothing of those of which that is not known."""
        ...

    def with_weights(self, variables: Mapping[str, np.ndarray]) -> "AnyOriginal":
        """The same with other values of its variables."""
        ...

    @property
    def rounded(self) -> Sequence[str]:
        """The layers that need float32 in float64, once it has run."""
        ...

    @property
    def trainable(self) -> frozenset[str]:
        """The variables that training changes through gradients; none, if it cannot be trained."""
        ...

    @property
    def learns_statistics(self) -> bool:
        """Has it a training mode, in which batch norms use and remember their batch?"""
        ...

    @property
    def penalised(self) -> bool:
        """Whether layers add to the loss themselves, once it has run."""
        ...

    def trainer(self, precision: str, loss: Callable[[Any], Any] | None = None) -> TrainingRunner:
        """One that makes training steps in `float64` or `float32`, with a `loss` of the user's.

        Only of an original that has a training mode there can be one.
        """
        ...

    def runner(self, precision: str, inputs: Sequence[str]) -> OriginalRunner:
        """One that runs it in `float64` or `float32` on inputs of these names."""
        ...
