"""Several training steps on both sides, from the same weights and batches: do they stay together.

In float64 they must. In float32 no two runs do: a rounding is amplified step by step, and where an
activation changes sides, a thousandfold at once. So several runs of either side start one rounding
apart. How far the original's runs are from one another, and from float64, is the yardstick for how
far the port's may be from them.
"""

import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack, closing
from itertools import combinations, product

import numpy as np

from verify.reports.trajectory_report import TrajectoryReport
from verify.specs.about import About
from verify.specs.spec import Arrays
from verify.specs.trajectory_spec import Trainer, TrajectorySpec


def compare_trajectory(
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
    remarks = {"steps": len(spec.batches), "runs": runs}
    about = About(seconds=seconds, remarks=remarks)
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
