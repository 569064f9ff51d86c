"""How thorough a verification is: what is compared at each level, in the order of its cost."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np

from port.convert.names import table
from port.convert.state_dict import state_dict_from_tf
from port.cost import count
from port.genotype import Genotype
from port.model import TinyVideoNet
from port.weights import Weights
from verify.engine.apart import Apart, Judge
from verify.engine.inference import verify
from verify.engine.layer_noise import verify_on_noise
from verify.engine.training import training
from verify.engine.trajectory import trajectory
from verify.numerics.probes import probe_variables
from verify.reports.report import Outcome, Report
from verify.reports.training_report import TrainingReport
from verify.specs.spec import PortSpec
from verify.tvn.diagnose_training import diagnose_training
from verify.tvn.optimizers import OptimizerSpec
from verify.tvn.probe_sets import ALL_SETS, DEFAULT_SETS, ODD_SIZE, ProbeSet, probe_spec
from verify.tvn.spec import tvn_spec
from verify.tvn.table import follow_with_progress, run_with_progress, train_with_progress
from verify.tvn.training_spec import tvn_training_spec, tvn_trajectory_spec

LEVELS = ("inference", "training", "full")


@dataclass(frozen=True)
class Subject:
    """What is verified: a port and its original, whatever they are compared on.

    `variables` are the original's weights by TensorFlow name. `clips` are `batch`, `height` and
    `width` of what they are compared on at first; None for the net's own size.
    """

    name: str
    genotype: Genotype
    variables: Mapping[str, np.ndarray]
    net: TinyVideoNet
    seed: int = 0
    batch: int = 2
    height: int | None = None
    width: int | None = None
    about: Mapping[str, Any] = field(default_factory=dict)


def seeded_variables(genotype: Genotype, num_classes: int, seed: int) -> dict[str, np.ndarray]:
    """Weights that suit a comparison, where there are none to be verified."""
    shapes = {row.tf_name: row.tf_shape for row in table(genotype, num_classes)}
    return probe_variables(shapes, seed)


def converted(
    genotype: Genotype, variables: Mapping[str, np.ndarray], max_pool_predictions: bool
) -> TinyVideoNet:
    """The port with the original's weights."""
    weights = Weights(genotype, state_dict_from_tf(variables, genotype))
    return weights.build(max_pool_predictions=max_pool_predictions)


def inference_spec(subject: Subject) -> PortSpec:
    """The comparison of every layer, on noise of the net's own size."""
    return tvn_spec(
        subject.genotype,
        name=subject.name,
        variables=subject.variables,
        net=subject.net,
        batch=subject.batch,
        height=subject.height,
        width=subject.width,
        seed=subject.seed,
        about=subject.about,
    )


def further(subject: Subject, level: str, comparer: "Comparer") -> dict[str, Callable[[], Outcome]]:
    """What a level compares besides every layer, by name: a call that does it.

    A call may raise InputError, where the net cannot be compared in that way.
    """
    if level == "inference":
        return {}
    full = level == "full"
    calls: dict[str, Callable[[], Outcome]] = {}
    for probes in ALL_SETS if full else DEFAULT_SETS:
        calls[f"probes: {probes.name}"] = partial(_probe, subject, probes, comparer)
    calls["layers on noise"] = partial(_noise, subject, comparer)
    for loss in ("softmax", "sigmoid") if full else ("softmax",):
        calls[f"training: {loss} loss"] = partial(_train, subject, loss, comparer)
    if full:
        calls["trajectory"] = partial(_follow, subject)
    return calls


# Frames of this size are enough to see whether two courses of training part, and quick.
TRAJECTORY_SIZE = 64
# At this rate the course is stable. At ten times as much, with two clips a step, rounding more than
# doubles every step, and float64 itself cannot stay on it: tvn1 was 1e-7 off after 20 steps.
STABLE = OptimizerSpec("momentum", 1e-3, options={"momentum": 0.9})
# Above this many multiply-adds a clip, a training step takes minutes and gigabytes in float64: two
# are compared, all comparisons of layers run in one other process, and the original's steps of each
# precision in one of their own.
HEAVY = 20e9


def _is_heavy(subject: Subject) -> bool:
    return count(subject.genotype, subject.net.num_classes).multiply_adds > HEAVY


class Comparer:
    """Judges specs of a subject with a progress bar; all of a heavy one in one other process."""

    def __init__(self, subject: Subject) -> None:
        self._apart = Apart() if _is_heavy(subject) else None

    def compare(self, spec: PortSpec, judge: Judge = verify) -> Report:
        """The report of `judge`."""
        run = partial(self._apart.verify, judge=judge) if self._apart else judge
        return run_with_progress(spec, lambda watch: run(spec, watch=watch))

    def close(self) -> None:
        """Give the memory back; it can go on to be used."""
        if self._apart:
            self._apart.close()


def _probe(subject: Subject, probes: ProbeSet, comparer: Comparer) -> Outcome:
    spec = probe_spec(probes, subject.genotype, subject.variables, subject.net, name=subject.name)
    return comparer.compare(spec)


def _noise(subject: Subject, comparer: Comparer) -> Outcome:
    """Of the clips only the shapes matter, so there are few of them, and small ones."""
    small = replace(subject, batch=2, height=ODD_SIZE.height, width=ODD_SIZE.width)
    spec = replace(inference_spec(small), name=f"{subject.name}: layers on noise")
    return comparer.compare(spec, verify_on_noise)


def _train(subject: Subject, loss: str, comparer: Comparer) -> Outcome:
    comparer.close()  # a training step needs all the memory there is
    heavy = _is_heavy(subject)
    spec = tvn_training_spec(
        subject.genotype,
        name=f"{subject.name}: training, {loss} loss",
        variables=subject.variables,
        net=subject.net,
        seed=subject.seed,
        batch=subject.batch,
        height=subject.height,
        width=subject.width,
        loss=loss,
        batches=2 if heavy else 3,
        isolated=heavy,
    )
    return train_with_progress(spec.name, lambda watch: training(spec, watch=watch))


def explained(subject: Subject, outcome: Outcome) -> Outcome:
    """Of training that fails though every layer agrees, with why."""
    if outcome.passed or not isinstance(outcome, TrainingReport):
        return outcome
    right = converted(subject.genotype, subject.variables, subject.net.max_pool_predictions)
    return replace(outcome, diagnosis=diagnose_training(subject.net, right, seed=subject.seed))


def _follow(subject: Subject) -> Outcome:
    """From seeded weights: what is trained here is the code, not the subject's own weights."""
    spec = tvn_trajectory_spec(
        subject.genotype,
        name=f"{subject.name}: trajectory",
        optimizer=STABLE,
        seed=subject.seed,
        height=TRAJECTORY_SIZE,
        width=TRAJECTORY_SIZE,
    )
    return follow_with_progress(spec.name, lambda watch: trajectory(spec, runs=3, watch=watch))
