"""Several training steps on both sides, from the same weights and batches: do they stay together.

In float64 they must. In float32 no two runs do: a rounding is amplified step by step, and where an
activation changes sides, a thousandfold at once. So several runs of either side start one rounding
apart. How far the original's runs are from one another, and from float64, is the yardstick for how
far the port's may be from them.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from itertools import combinations, product
from typing import Any, Protocol

import numpy as np

from verify.specs.spec import Arrays
from verify.specs.training_spec import TrainingBatch

# Of the way that the weights have come. A correct port was measured at 1e-13 to 1e-10.
SAME_TRAJECTORY_BOUND = 1e-8
# The port may stray this many times as far as the original's own runs stray from one another.
STRAY_FACTOR = 3.0


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


@dataclass(frozen=True)
class TrajectoryReport:
    """Distances after each step, as shares of the way that the original has come in float64.

    `float64`: of the port from the original. In float32, `crossed`: of each run of the port from
    each of the original; `own`: of each run of the original from each other; `rounded`: of each run
    of the original from float64. `losses` of either side in float64, before each step.
    """

    name: str
    float64: Sequence[float]
    crossed: Sequence[Sequence[float]]
    own: Sequence[Sequence[float]]
    rounded: Sequence[Sequence[float]]
    losses: Mapping[str, Sequence[float]]
    about: dict[str, Any] = field(default_factory=dict)

    @property
    def stray(self) -> float:
        """How far the port's runs are from the original's, as a multiple of the yardstick.

        That is the larger of two distances: of the original's runs from one another, which misses
        what all of them round alike, and from float64. Medians over the runs, since one activation
        that changes sides in one run is chance; a geometric mean over the steps, since distances
        grow by orders of magnitude.
        """
        crossed, own, rounded = (
            np.median(distances, axis=1) for distances in (self.crossed, self.own, self.rounded)
        )
        return float(np.exp(np.mean(np.log(crossed / np.maximum(own, rounded)))))

    @property
    def first_failure(self) -> str | None:
        """The first step in float64 that is another, or `float32`."""
        for step, distance in enumerate(self.float64, 1):
            if not distance <= SAME_TRAJECTORY_BOUND:
                return f"float64, step {step}"
        return None if self.stray <= STRAY_FACTOR else "float32"

    @property
    def passed(self) -> bool:
        """Both precisions."""
        return self.first_failure is None

    @property
    def summary(self) -> str:
        """The outcome in one line."""
        steps = len(self.float64)
        if self.first_failure:
            return f"{self.name} leaves the original's course within {steps} steps, first in " + (
                self.first_failure
            )
        return (
            f"{self.name} stays on the original's course for {steps} steps "
            f"({self.float64[-1]:.1e} of the way in float64; in float32 {self.stray:.2f} times as "
            f"far off as the original from itself, {STRAY_FACTOR:g} is allowed)"
        )

    @property
    def worst(self) -> dict[str, float]:
        """How many steps there are, and the figures of both verdicts."""
        errors = {"float64_error": max(self.float64), "needed_factor": self.stray}
        return {"values": len(self.float64), **errors}

    def to_dict(self) -> dict[str, Any]:
        """The whole report as plain data."""
        return {
            "name": self.name,
            "passed": self.passed,
            "first_failure": self.first_failure,
            "stray": self.stray,
            "stray_allowed": STRAY_FACTOR,
            "float64": list(self.float64),
            "crossed": [list(step) for step in self.crossed],
            "own": [list(step) for step in self.own],
            "rounded": [list(step) for step in self.rounded],
            "about": self.about,
            "losses": {side: list(losses) for side, losses in self.losses.items()},
        }


def trajectory(
    spec: TrajectorySpec, *, runs: int = 5, watch: Callable[[int, int], None] | None = None
) -> TrajectoryReport:
    """Train both sides, all runs step by step at once.

    Args:
        spec: what is trained.
        runs: of either side in float32: one from the weights as given, the others each from
            weights moved by one unit in the last place, up or down at random.
        watch: called after each step with how many of how many are done.
    """
    begun = time.monotonic()
    with ExitStack() as stack:

        def start(trainer: Trainer) -> Trainer:
            return stack.enter_context(closing(trainer))

        original64 = start(spec.original("float64", spec.variables))
        port64 = start(spec.port("float64", spec.variables))
        weights = [spec.variables] + [nudged(spec.variables, seed) for seed in range(1, runs)]
        originals = [start(spec.original("float32", variables)) for variables in weights]
        ports = [start(spec.port("float32", variables)) for variables in weights]
        float64, crossed, own, rounded = [], [], [], []
        losses: dict[str, list[float]] = {"original": [], "port": []}
        for done, batch in enumerate(spec.batches, 1):
            losses["original"].append(original64.step(batch))
            losses["port"].append(port64.step(batch))
            for trainer in (*originals, *ports):
                trainer.step(batch)
            truth = original64.values()
            way = _distance(truth, spec.variables)
            float64.append(_distance(port64.values(), truth) / way)
            left = [trainer.values() for trainer in originals]
            right = [trainer.values() for trainer in ports]
            crossed.append([_distance(a, b) / way for a, b in product(left, right)])
            own.append([_distance(a, b) / way for a, b in combinations(left, 2)])
            rounded.append([_distance(a, truth) / way for a in left])
            if watch is not None:
                watch(done, len(spec.batches))
    seconds = round(time.monotonic() - begun, 1)
    about = {"steps": len(spec.batches), "runs": runs, "seconds": seconds}
    return TrajectoryReport(spec.name, float64, crossed, own, rounded, losses, about)


def nudged(variables: Mapping[str, np.ndarray], seed: int) -> Arrays:
    """Each weight one unit in the last place up or down, at random; moving statistics stay."""
    draw = np.random.default_rng(seed)

    def nudge(value: np.ndarray) -> np.ndarray:
        directions = np.where(draw.random(value.shape) < 0.5, -np.inf, np.inf)
        # Both in one precision: numpy would take the step in the finer one.
        return np.nextafter(value, directions.astype(value.dtype))

    return {
        name: value if "/moving_" in name else nudge(value) for name, value in variables.items()
    }


def _distance(found: Mapping[str, np.ndarray], truth: Mapping[str, np.ndarray]) -> float:
    """Euclidean, over all variables."""
    squares = 0.0
    for name, value in truth.items():
        error = found[name].astype(np.float64) - value
        squares += float(np.sum(np.square(error, out=error)))
    return float(np.sqrt(squares))
