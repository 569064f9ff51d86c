"""How often the diagnosis names the mistake that was planted: single ones, and pairs."""

import copy
import zlib
from collections.abc import Sequence
from typing import Any

import numpy as np

from verify.diagnosis.cause import Cause
from verify.measure.bench import Bench, Planted, bench_of
from verify.measure.mutants import sites
from verify.measure.training_mutants import KEEP
from verify.specs.spec import Stage
from verify.tvn.cases import Case
from verify.tvn.diagnose_faults import Suspect
from verify.tvn.diagnose_training import diagnose_training
from verify.tvn.faults import Fault
from verify.tvn.training_faults import FAULTS as TRAINING_FAULTS

# Where the layer's family is this, only float32 shows the mistake.
ONLY_IN_FLOAT32 = "precision"


def diagnosed(bench: Bench, planted: Sequence[Planted], precision: str) -> list[Cause]:
    """The causes that are named where these faults are planted; none if no layer differs."""
    batch = bench.spec.port.batch  # type: ignore[attr-defined]
    right = copy.deepcopy(bench.nets[precision])
    with bench.planted(planted):
        port = copy.deepcopy(bench.nets[precision])
    suspect = Suspect(port, right, batch, precision)
    wrong = sorted({bench.stage_of(tap) for _, tap in planted})
    stages: list[Stage] = [bench.spec.stages[index] for index in wrong] or [*bench.spec.stages]
    return [cause for stage in stages for cause in suspect.causes(stage, bench.seen(stage))]


def single_faults(case: Case, most: int) -> list[dict[str, Any]]:
    """One fault at a time, of every kind, in at most `most` of its layers."""
    bench = bench_of(case)
    found = []
    for fault, family, taps in _by_fault(case):
        for tap in _drawn(taps, most, fault.name):
            precision = "float32" if family == ONLY_IN_FLOAT32 else "float64"
            causes = diagnosed(bench, [(fault, tap)], precision)
            if causes:  # a fault that these clips do not show is measured elsewhere
                found.append(_row(case, [(fault, tap)], causes))
    bench.close()
    return found


def pairs(case: Case, number: int) -> list[dict[str, Any]]:
    """Two faults at once: half of the pairs in any two layers, half in one and the same."""
    bench = bench_of(case)
    draw = np.random.default_rng(zlib.crc32(case.name.encode()))
    every = [(fault, tap) for family, fault, tap in sites(case) if family != ONLY_IN_FLOAT32]
    found: list[dict[str, Any]] = []
    for attempt in range(20 * number):
        if len(found) == number:
            break
        first = every[draw.integers(len(every))]
        same_layer = attempt % 2 == 0
        others = [x for x in every if (x[1] == first[1]) == same_layer and x[0] is not first[0]]
        second = others[draw.integers(len(others))]
        if _both_matter(bench, first, second):
            causes = diagnosed(bench, [first, second], "float64")
            found.append(_row(case, [first, second], causes) | {"same_layer": same_layer})
    bench.close()
    return found


def training_faults(case: Case, most: int) -> list[dict[str, Any]]:
    """One fault of training at a time, of every kind, in at most `most` of its modules."""
    found = []
    right = copy.deepcopy(case.net)
    right.head.dropout.p = 1 - KEEP
    for fault in TRAINING_FAULTS:
        for path in _drawn(fault.sites(right), most, fault.name):
            port = copy.deepcopy(right)
            with fault.planted(port, path):
                told = diagnose_training(port, right, keep_probability=KEEP)
            if told.differing:
                found.append(_row(case, [(fault, path)], told.causes))
    return found


def _both_matter(bench: Bench, first: Planted, second: Planted) -> bool:
    """Whether either fault changes what the port computes, with the other and without."""
    start, end = sorted((bench.stage_of(first[1]), bench.stage_of(second[1])))
    outputs = []
    for faults in ([], [first], [second], [first, second]):
        with bench.planted(faults):
            found = bench.outputs("float64", start, end + 1)
        outputs.append({name: array.tobytes() for name, array in found.items()})
    return all(a != b for i, a in enumerate(outputs) for b in outputs[:i])


def _by_fault(case: Case) -> list[tuple[Fault, str, list[str]]]:
    taps: dict[tuple[Fault, str], list[str]] = {}
    for family, fault, tap in sites(case):
        taps.setdefault((fault, family), []).append(tap)
    return [(fault, family, found) for (fault, family), found in taps.items()]


def _drawn(taps: list[str], most: int, name: str) -> list[str]:
    draw = np.random.default_rng(zlib.crc32(name.encode()))
    return [taps[i] for i in sorted(draw.permutation(len(taps))[:most])]


def _row(
    case: Case, planted: Sequence[tuple[Fault, str]], causes: Sequence[Cause]
) -> dict[str, Any]:
    """`named`: each fault's name stands first at its layer; `tied`: or explains as much."""
    wanted = [(fault.name, tap) for fault, tap in planted]
    first = {(cause.name, cause.tap) for cause in causes}
    tied = first | {(name, cause.tap) for cause in causes for name in cause.also}
    return {
        "case": case.name,
        "planted": [f"{tap}: {name}" for name, tap in wanted],
        "found": [str(cause) for cause in causes],
        "named": all(each in first for each in wanted),
        "tied": all(each in tied for each in wanted),
        "spurious": len(causes) > len(wanted),
    }
