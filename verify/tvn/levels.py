"""How thorough a verification is: what each level judges besides every layer, by its cost."""

from collections.abc import Mapping
from dataclasses import fields, replace
from functools import partial

from verify.diagnosis.diagnose import Diagnosis, diagnose
from verify.diagnosis.plan import Judge, PortPlan, judge_no_more
from verify.engine.comparer import Comparer
from verify.engine.layer_noise import compare_on_noise
from verify.reports.outcome import Explanation
from verify.reports.report import Report
from verify.reports.training_report import TrainingReport
from verify.reports.trajectory_report import TrajectoryReport
from verify.specs.spec import PortSpec
from verify.tvn.diagnose_training import diagnose_training
from verify.tvn.low_precision import LowPrecisionReport, verify_bfloat16
from verify.tvn.optimizers import OptimizerSpec
from verify.tvn.probe_sets import ALL_SETS, DEFAULT_SETS, ODD_SIZE, ProbeSet, probe_spec
from verify.tvn.search_faults import search_faults
from verify.tvn.spec import layers_spec
from verify.tvn.subject import Subject
from verify.tvn.training_spec import tvn_training_spec, tvn_trajectory_spec
from verify.tvn.variant_names import BFLOAT16
from verify.tvn.variants import VARIANTS, variant

# Frames of this size are enough to see whether two courses of training part, and quick.
TRAJECTORY_SIZE = 64
TRAJECTORY_RUNS = 3
# At this rate the course is stable. At ten times as much, with two clips a step, rounding more than
# doubles every step, and float64 itself cannot stay on it: tvn1 was 1e-7 off after 20 steps.
STABLE = OptimizerSpec("momentum", 1e-3, options={"momentum": 0.9})


def tvn_spec(subject: Subject) -> PortPlan:
    """The comparison of a TVN with its original, at every level that there is."""
    spec = layers_spec(subject)
    return PortPlan(
        **{each.name: getattr(spec, each.name) for each in fields(PortSpec)},
        levels={
            "inference": judge_no_more,
            "training": partial(_judges, subject, full=False),
            "full": partial(_judges, subject, full=True),
        },
        variants={name: partial(_judge_variant, name, spec) for name in VARIANTS}
        | {BFLOAT16: partial(_judge_bfloat16, spec)},
        heavy=subject.is_heavy,
        explain_layers=partial(_explain_layers, subject),
        explain_training=partial(_explain_training, subject),
    )


def _judges(subject: Subject, *, full: bool) -> Mapping[str, Judge]:
    judges: dict[str, Judge] = {}
    for probes in ALL_SETS if full else DEFAULT_SETS:
        judges[f"probes: {probes.name}"] = partial(_judge_probes, subject, probes)
    judges["layers on noise"] = partial(_judge_noise, subject)
    for loss in ("softmax", "sigmoid") if full else ("softmax",):
        judges[f"training: {loss} loss"] = partial(_judge_training, subject, loss)
    if full:
        judges["trajectory"] = partial(_judge_trajectory, subject)
    return judges


def _judge_probes(subject: Subject, probes: ProbeSet, comparer: Comparer) -> Report:
    return comparer.compare(probe_spec(probes, subject))


def _judge_noise(subject: Subject, comparer: Comparer) -> Report:
    """Of the clips only the shapes matter, so there are few of them, and small ones."""
    small = replace(subject, name=f"{subject.name}: layers on noise", batch=2,
                    variables=subject.weights, net=subject.port,
                    height=ODD_SIZE.height, width=ODD_SIZE.width)  # fmt: skip
    return comparer.compare(layers_spec(small), compare_on_noise)


def _judge_training(subject: Subject, loss: str, comparer: Comparer) -> TrainingReport:
    heavy = subject.is_heavy
    trained = replace(subject, name=f"{subject.name}: training, {loss} loss", loss=loss,
                      variables=subject.weights, net=subject.port)  # fmt: skip
    return comparer.train(tvn_training_spec(trained, batches=2 if heavy else 3, apart=heavy))


def _judge_trajectory(subject: Subject, comparer: Comparer) -> TrajectoryReport:
    """From seeded weights: what is trained here is the code, not the subject's own weights."""
    small = Subject(
        subject.genotype,
        name=f"{subject.name}: trajectory",
        seed=subject.seed,
        height=TRAJECTORY_SIZE,
        width=TRAJECTORY_SIZE,
    )
    return comparer.follow(tvn_trajectory_spec(small, optimizer=STABLE), TRAJECTORY_RUNS)


def _judge_variant(name: str, spec: PortSpec, comparer: Comparer) -> Report:
    return comparer.compare(variant(name, spec))


def _judge_bfloat16(spec: PortSpec, comparer: Comparer) -> LowPrecisionReport:
    return verify_bfloat16(spec)


def _explain_layers(subject: Subject, spec: PortSpec, report: Report) -> Diagnosis:
    return diagnose(spec, report, search_faults(subject.build_right_port()))


def _explain_training(
    subject: Subject, layers: Report, trained: TrainingReport
) -> Explanation | None:
    """Of training that fails though every layer agrees, with why."""
    if not layers.passed:
        return None
    return diagnose_training(subject.port, subject.build_right_port(), seed=subject.seed)
