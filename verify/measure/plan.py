"""The whole measurement in units that take a minute or so, each kept as soon as it is done."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch

from port.atomic import write_text
from port.genotype import list_models
from port.untrusted import MIB, read_json
from verify.reports.outcome import to_json
from verify.tvn.cases import CORNERS, RANDOM_CASES, all_cases

# What a unit found, as rows of plain data.
Rows = list[dict[str, Any]]
UNIT_BYTES = 64 * MIB
# Of the nets with most layers, other tools' criteria are asked about one mutant of so many.
CRITERIA_EVERY = {"tvn2": 4, "tvn3": 3, "tvn4": 3}
# They take longest, and are measured share by share.
PARTS = {"tvn2": 16, "tvn3": 6, "tvn4": 6}
# Of the largest, what its own clips do not show is not tried on further ones.
NOT_THOROUGH = ("tvn2",)
# Of the random nets, so many in training; the next one has another number of logits than of clips.
TRAINED = 5
# The two largest are left out for the time that steps at full size take in float64.
TRAINED_FULL = ("tvn1", "tvn4", "tvn_mobile_1", "tvn_mobile_2")
TRAINING_PARTS = {"tvn2": 6, "tvn3": 2, "tvn4": 2}
TRAINING_PIXELS = {"tvn2": 128, "tvn4": 40}
LAYERS_A_FAULT, PAIRS, FULL_SIZE_SAMPLE = 3, 40, 12
SAMPLE = (
    "mutants random 10",
    "variants random 10",
    "training random 4",
    "steps random 4",
    "diagnosis random 10",
    "pairs random 10",
)


@dataclass(frozen=True)
class Plan:
    """What there is to measure: units by name, those of the whole, and a small sample."""

    units: Callable[[], Mapping[str, Callable[[], Rows]]]
    whole: Callable[[], Sequence[str]]
    sample: Sequence[str]


def units() -> dict[str, Callable[[], Rows]]:
    """Every unit by name: what is measured, and of which net."""
    found: dict[str, Callable[[], Rows]] = {}
    small = [f"random {number}" for number in range(RANDOM_CASES)]
    corners = [f"corner {number}" for number in range(len(CORNERS))]
    for name in (*list_models(), *small, *corners):
        found |= _shares(f"mutants {name}", _mutants, name, PARTS.get(name, 1))
        found[f"variants {name}"] = partial(_variants, name)
    for name in ("tvn1", "tvn_mobile_2", *small):
        found[f"oneDNN {name}"] = partial(_without_onednn, name)
    for name in ("random 8", "random 10"):
        found[f"compiled {name}"] = partial(_compiled, name)
    for name in (*list_models(), *small[:TRAINED]):
        found |= _shares(f"training {name}", _training, name, TRAINING_PARTS.get(name, 1))
        found[f"steps {name}"] = partial(_steps, name)
    for name in (*list_models(), *small):
        found[f"diagnosis {name}"] = partial(_diagnosis, name)
        found[f"pairs {name}"] = partial(_pairs, name)
    for name in list_models():
        found[f"full size {name}"] = partial(_full_size, name)
    for name in TRAINED_FULL:
        found[f"full size, training {name}"] = partial(_full_size_training, name)
    return found


TVN = Plan(units, lambda: list(units()), SAMPLE)


def _shares(
    whole: str, measure: Callable[[str, int, int], Rows], name: str, parts: int
) -> dict[str, Callable[[], Rows]]:
    if parts == 1:
        return {whole: partial(measure, name, 0, 1)}
    return {
        f"{whole} part {part + 1} of {parts}": partial(measure, name, part, parts)
        for part in range(parts)
    }


def run(
    folder: Path,
    names: list[str],
    watch: Callable[[str, int], None],
    known: Mapping[str, Callable[[], Rows]] | None = None,
) -> None:
    """Do the units that `folder` does not hold yet.

    Args:
        folder: gets a JSON file a unit.
        names: of the units.
        watch: is told what is about to be done, and how many were.
        known: the units by name; those of Tiny Video Networks, if not given.
    """
    known = units() if known is None else known
    threads = torch.get_num_threads()
    for done, name in enumerate(names):
        path = _path(folder, name)
        watch(name, done)
        if path.exists():
            continue
        start = time.process_time()
        torch.set_num_threads(1)  # more cost more than they save on nets as small as these
        try:
            rows = known[name]()
        finally:
            torch.set_num_threads(threads)
        seconds = round(time.process_time() - start, 1)
        write_text(path, to_json({"unit": name, "cpu_seconds": seconds, "rows": rows}))


def results(folder: Path) -> Iterator[dict[str, Any]]:
    """What was kept in `folder`."""
    for path in sorted(folder.glob("*.json")):
        yield read_json(path, "a result of the measurement", UNIT_BYTES)


def _path(folder: Path, name: str) -> Path:
    return folder / f"{name.replace(' ', '-')}.json"


def _mutants(name: str, part: int, parts: int) -> Rows:
    from verify.measure.mutants import mutants

    every, thorough = CRITERIA_EVERY.get(name, 1), name not in NOT_THOROUGH
    found = mutants(all_cases()[name](), every, part, parts, thorough)
    return [mutant.to_dict() for mutant in found]


def _variants(name: str) -> Rows:
    from verify.measure.variants import variants

    return variants(all_cases()[name]())


def _without_onednn(name: str) -> Rows:
    from verify.measure.variants import without_onednn

    return without_onednn(name)


def _compiled(name: str) -> Rows:
    from verify.measure.variants import compiled

    return compiled(all_cases()[name]())


def _training(name: str, part: int, parts: int) -> Rows:
    from verify.measure.training_mutants import training_mutants

    return training_mutants(all_cases()[name](), _training_pixels(name), part, parts)


def _training_pixels(name: str) -> int:
    return TRAINING_PIXELS.get(name, 32)


def _diagnosis(name: str) -> Rows:
    from verify.measure.diagnosis import single_faults

    return single_faults(all_cases()[name](), LAYERS_A_FAULT)


def _steps(name: str) -> Rows:
    from verify.measure.diagnosis import training_faults

    return training_faults(all_cases()[name](), LAYERS_A_FAULT)


def _pairs(name: str) -> Rows:
    from verify.measure.diagnosis import pairs

    return pairs(all_cases()[name](), PAIRS)


def _full_size(name: str) -> Rows:
    from verify.measure.full_size import sample

    return sample(name, FULL_SIZE_SAMPLE)


def _full_size_training(name: str) -> Rows:
    from verify.measure.full_size import training_sample

    return training_sample(name, FULL_SIZE_SAMPLE, _training_pixels(name))
