"""Faults of training planted one at a time: does comparing a training step show each."""

import copy
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from typing import Any

import numpy as np
from torch import nn

from verify.engine.memo import RememberingTrainer
from verify.engine.training import compare_training
from verify.numerics.compare import difference
from verify.specs.training_spec import TrainingSpec
from verify.tvn.cases import Case
from verify.tvn.training_faults import FAULTS, TrainingFault
from verify.tvn.training_spec import tvn_training_spec

# Far from a half, at which it cannot be told from the probability to drop.
KEEP = 0.8
# What rounding leaves between two ways of computing one thing in float64.
ROUNDING = 1e-12
FAMILY = "training"


def training_mutants(case: Case, pixels: int, part: int, parts: int) -> list[dict[str, Any]]:
    """Every fault in every module where it applies, on frames of `pixels`; or a share of them."""
    return judged(case, sites(case)[part::parts], pixels)


def sites(case: Case) -> list[tuple[TrainingFault, str]]:
    """Every fault of training with every module where it applies."""
    return [(fault, path) for fault in FAULTS for path in fault.sites(case.net)]


def judged(
    case: Case, planted: Sequence[tuple[TrainingFault, str]], pixels: int | None = None
) -> list[dict[str, Any]]:
    """What becomes of these faults, one at a time, on frames of `pixels`; None for the net's own.

    One that changes no bit of any step's values is equivalent. The port's float32 is the right
    one's throughout: float64 decides on all of these faults.
    """
    net = copy.deepcopy(case.net)
    net.head.dropout.p = 1 - KEEP
    subject = replace(
        case.subject,
        name="tvn",
        variables=case.variables,
        net=net,
        height=pixels,
        width=pixels and pixels + 5,
        keep_probability=KEEP,
    )
    spec = tvn_training_spec(subject, batches=2)
    originals = {p: RememberingTrainer(spec.original(p)) for p in ("float64", "float32")}
    right = {p: RememberingTrainer(spec.port(p)) for p in ("float64", "float32")}
    kept = replace(spec, original=originals.__getitem__)
    report = compare_training(replace(kept, port=right.__getitem__))
    assert report.passed, f"{case.name}: training of the right port itself fails"
    rows = [_judged(case, net, fault, path, kept, right) for fault, path in planted]
    for side in (*originals.values(), *right.values()):
        side.end()
    return rows


def _judged(
    case: Case,
    net: nn.Module,
    fault: TrainingFault,
    path: str,
    spec: TrainingSpec,
    right: Mapping[str, RememberingTrainer],
) -> dict[str, Any]:
    with fault.planted(net, path), closing(spec.port("float64")) as runner:
        wrong = RememberingTrainer(runner)
        for batch in spec.batches:
            wrong.run(batch)
    sides = {"float64": wrong, "float32": right["float32"]}
    report = compare_training(replace(spec, port=sides.__getitem__))
    changed = _changed(spec, wrong, right["float64"])
    failed = [value for value in report.values if not value.passed]
    return {
        "case": case.name,
        "family": FAMILY,
        "fault": fault.name,
        "tap": next(iter(changed), ""),
        "clips": "training steps" if failed else "",
        "first": failed[0].name if failed else "",
        "why": failed[0].reason or "" if failed else "",
        "reason": failed[0].reason or "" if failed else "",
        "equivalent": _identical(wrong, right["float64"]),
        "accepted": {},
        "site": path,
    }


def _changed(spec: TrainingSpec, wrong: RememberingTrainer, right: RememberingTrainer) -> list[str]:
    """What a step computes otherwise, by more than rounding, in the order of computation."""
    pairs = [(found, right.steps[key]) for key, found in wrong.steps.items()]
    return [
        name
        for name in spec.values
        if any(
            name not in found or difference(found[name], truth[name]).relative > ROUNDING
            for found, truth in pairs
        )
    ]


def _identical(wrong: RememberingTrainer, right: RememberingTrainer) -> bool:
    return all(
        found.keys() == right.steps[key].keys()
        and all(np.array_equal(found[name], right.steps[key][name]) for name in found)
        for key, found in wrong.steps.items()
    )
