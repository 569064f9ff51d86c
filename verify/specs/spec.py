"""What `verify` needs to know of a port: how to run both sides, stage by stage."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import numpy as np

from verify.numerics.arrays import Arrays as Arrays
from verify.specs.about import About
from verify.specs.training_spec import TrainingSpec

if TYPE_CHECKING:
    from torch import Tensor, nn


# Is handed each tap's name and value as it is computed, so that nobody need keep them all.
See = Callable[[str, np.ndarray], None]


@dataclass(frozen=True, slots=True)
class Stage:
    """A part of the net that runs by itself, so that its taps can be compared and let go.

    `reads`: the inputs, or taps of earlier stages, that it starts from; `taps`: every tap in it,
    in the order of computation.
    """

    name: str
    reads: tuple[str, ...]
    taps: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {"name": self.name, "reads": list(self.reads), "taps": list(self.taps)}


class OriginalRunner(Protocol):
    """The original in one precision."""

    def run_stage(self, stage: Stage, given: Mapping[str, np.ndarray]) -> Arrays:
        """Every tap of the stage, computed from what it reads."""
        ...

    def run_layer(self, tap: str, seen: Mapping[str, np.ndarray]) -> np.ndarray:
        """One tap, its layer fed with what `seen` holds for the taps in front of it."""
        ...

    def close(self) -> None:
        """Free what the runner holds."""
        ...


class PortRunner(Protocol):
    """The port in one precision. Arrays come and go in the original's layout.

    A tap that a wrong port cannot compute is left out.
    """

    def run_stage(self, stage: Stage, given: Mapping[str, np.ndarray], see: See) -> None:
        """Every tap of the stage, computed from what it reads."""
        ...

    def run_layers(self, stage: Stage, seen: Mapping[str, np.ndarray], see: See) -> None:
        """Every tap of the stage, each layer fed with what `seen` holds for the taps before it."""
        ...

    def close(self) -> None:
        """Free what the runner holds."""
        ...


@runtime_checkable
class ModuleRunner(PortRunner, Protocol):
    """A runner of a torch module: it knows the module behind every tap."""

    def module(self, tap: str) -> "nn.Module":
        """The runner's own copy, in its precision; a change of it shows in what it runs."""
        ...

    def to_original(self, tap: str, output: "Tensor") -> np.ndarray:
        """What the module returns, in the original's layout."""
        ...


@runtime_checkable
class StepwiseRunner(ModuleRunner, Protocol):
    """One that knows modules which work once a step, and what is around a module."""

    def goes_by_steps(self, tap: str) -> bool:
        """Is the tap all outputs of a module that works once a step, such as the cell of a loop?"""
        ...

    def run_tap(self, tap: str, stage: Stage, seen: Mapping[str, np.ndarray]) -> np.ndarray:
        """The port run as a whole for one tap, everything else being the original's."""
        ...

    def around(self, tap: str) -> "nn.Module":
        """The module in which the tap's module is."""
        ...

    @property
    def whole(self) -> "nn.Module":
        """The port itself, the runner's own copy."""
        ...


@runtime_checkable
class RoundedConstants(Protocol):
    """A side that may hold constants of which float32's digits are all that is known."""

    @property
    def has_rounded_constants(self) -> bool:
        """Does it?"""
        ...

    def move_constants(self, seed: int) -> None:
        """Move each from where it was, by as much as float32 may have rounded it."""
        ...


@dataclass(frozen=True)
class PortSpec:
    """A port and its original.

    `original` and `port` make a runner for `float64` or `float32`; `inputs` are what the first
    stages read, as float32; `other_weights` names, by tap, the variables whose values in the port
    are not the original's, bit for bit; `guessed` names, by tap, the place of a layer in the port
    that nothing but its numbers told; `about` goes into the report; `isolates` is False of a
    port whose layers cannot be run one by one; `training` is the comparison of training steps, if
    there can be one; `original_rounds`: some of the original's layers need float32 in float64.
    """

    name: str
    stages: Sequence[Stage]
    original: Callable[[str], OriginalRunner]
    port: Callable[[str], PortRunner]
    inputs: Mapping[str, np.ndarray]
    other_weights: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    guessed: Mapping[str, str] = field(default_factory=dict)
    about: About = field(default_factory=About)
    isolates: bool = True
    training: TrainingSpec | None = None
    original_rounds: bool = False
