"""The nets that faults are planted in: the published ones made narrow, random ones, corners."""

import json
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from port.errors import InputError
from port.genotype import ACTIVATIONS, SPATIAL_TYPES, TEMPORAL_TYPES, Genotype, list_models
from port.model import TinyVideoNet
from verify.specs.spec import PortSpec
from verify.tvn.probe_sets import DEFAULT_SETS, ProbeSet, probe_spec
from verify.tvn.spec import layers_spec
from verify.tvn.subject import Subject

# Every layer keeps its kernel, its stride and its kind; only what it costs goes down.
NARROWER = 8
# Frames of the narrow nets in pixels: the last layers still see more than one pixel.
SIZES = {
    "tvn1": 112, "tvn2": 192, "tvn3": 96, "tvn4": 64, "tvn_mobile_1": 112, "tvn_mobile_2": 112
}  # fmt: skip
RANDOM_CASES = 12
# Nets of one block and a few pixels, drawn from a covering array of the search space: what a random
# net seldom has, such as one pixel beside a stride, stands in some of them.
CORNERS = json.loads((Path(__file__).parent / "corners.json").read_text())
NOISE = "noise"


# Of the nets here: few classes are quick, and seeds are not those that a port is verified with.
CLASSES, SEED = 7, 3


@dataclass(frozen=True)
class Case:
    """A net with seeded weights, and the clips that `tvn verify` compares it on.

    Its frames' width is another than their height, where it can be, so that the two are not taken
    for one another.
    """

    subject: Subject
    probes: tuple[ProbeSet, ...] = DEFAULT_SETS

    @property
    def name(self) -> str:
        """What reports are headed with."""
        return self.subject.name

    @property
    def genotype(self) -> Genotype:
        """The net's."""
        return self.subject.genotype

    @property
    def variables(self) -> Mapping[str, np.ndarray]:
        """The original's weights."""
        return self.subject.weights

    @property
    def net(self) -> TinyVideoNet:
        """The right port."""
        return self.subject.port

    @property
    def sets(self) -> tuple[str, ...]:
        """What the clips are called that `tvn verify` compares a net on."""
        return (NOISE, *(probes.name for probes in self.probes))

    def spec(self, clips: str = NOISE) -> PortSpec:
        """The comparison on these clips; raises InputError where the net cannot take them."""
        if clips == NOISE:
            return layers_spec(self.subject)
        probes = next(each for each in self.probes if each.name == clips)
        return probe_spec(probes, self.subject)


def narrow(name: str) -> Case:
    """A published net with an eighth of its channels."""
    data = Genotype.load(name).to_dict()
    data["blocks"] = [
        block | {"filters": max(block["filters"] // NARROWER, 1)} for block in data["blocks"]
    ]
    for clip in data.get("input_streams") or [data]:
        clip["image_size"] = SIZES[name]
    return Case(_seeded(name, Genotype.from_dict(data)))


def full(name: str) -> Case:
    """A published net as it is."""
    return Case(_seeded(name, Genotype.load(name)), probes=())


def random_case(number: int) -> Case:
    """A random net that can be built, from all of the search space, the same on every machine."""
    name = f"random {number}"
    draw = np.random.default_rng(zlib.crc32(name.encode()))
    while True:
        try:
            genotype = _random_genotype(draw, with_streams=number % 3 == 2)
            subject = _seeded(
                name,
                genotype,
                num_classes=int(draw.integers(2, 8)),
                max_pool_predictions=number % 2 == 1,
                seed=number,
                width=max(genotype.clip.image_size - int(draw.integers(0, 8)), 1),
            )
            case = Case(subject)
            _runs(case)
        except InputError:
            continue
        # Only a square one shows that a classifier's kernel was transposed.
        square = case.net.num_features
        return Case(replace(subject, num_classes=square)) if number % 4 == 0 else case


def corner_case(number: int) -> Case:
    """A net drawn from the covering array, at its own size."""
    drawn = CORNERS[number]
    return Case(
        _seeded(
            f"corner {number}",
            Genotype.from_dict(drawn["genotype"]),
            max_pool_predictions=drawn["max_pool"],
            batch=drawn["batch"],
            width=drawn["width"],
        )
    )


def _seeded(name: str, genotype: Genotype, **fed: Any) -> Subject:
    return Subject(genotype, name=name, **{"num_classes": CLASSES, "seed": SEED, **fed})


def _runs(case: Case) -> None:
    """Raises InputError where a skip does not fit the size of some clips."""
    sizes = [(probes.height, probes.width) for probes in case.probes]
    sizes.append(case.subject.size)
    frames = case.genotype.clip.num_frames
    with torch.no_grad():
        for height, width in sizes:
            case.net.eval()(torch.zeros(1, 3, frames, height, width))


def _random_genotype(draw: np.random.Generator, with_streams: bool) -> Genotype:
    def clip() -> dict[str, int]:
        return {
            "num_frames": int(draw.integers(2, 7)),
            "frame_stride": int(draw.integers(1, 4)),
            "image_size": int(draw.integers(12, 34)),
        }

    if not with_streams:
        blocks = [_random_block(draw) for _ in range(draw.integers(2, 5))]
        return Genotype.from_dict(clip() | {"blocks": blocks})
    streams = [clip() for _ in range(draw.integers(1, 3))]
    blocks = [
        _random_block(draw) | {"inputs": [int(draw.integers(len(streams) + index))]}
        for index in range(draw.integers(2, 4))
    ]
    return Genotype.from_dict({"input_streams": streams, "blocks": blocks})


def _random_block(draw: np.random.Generator) -> dict[str, Any]:
    def one_of(*values: Any) -> Any:
        return values[draw.integers(len(values))]

    def up_to(least: int, most: int) -> int:
        return int(draw.integers(least, most + 1))

    fields: dict[str, Callable[[], Any]] = {
        "spatial_type": lambda: one_of(*SPATIAL_TYPES),
        "spatial_kernel": lambda: up_to(1, 6),
        "spatial_stride": lambda: up_to(1, 3),
        "temporal_type": lambda: one_of(*TEMPORAL_TYPES),
        "temporal_kernel": lambda: up_to(1, 4),
        "temporal_stride": lambda: up_to(1, 2),
        "filters": lambda: up_to(4, 12),
        "expand": lambda: up_to(0, 3),
        "repeats": lambda: up_to(1, 3),
        "skip": lambda: up_to(0, 1),
        "squeeze": lambda: one_of(0.0, 0.0, 0.5, 0.9),
        "context_gate": lambda: up_to(0, 1),
        "inv-bottle": lambda: up_to(0, 1),
        **dict.fromkeys(("act", "spatial_act", "temporal_act"), lambda: one_of(*ACTIVATIONS)),
    }
    return {name: make() for name, make in fields.items()}


def all_cases() -> dict[str, Callable[[], Case]]:
    """What makes each case, by its name."""
    published = {name: (lambda name=name: narrow(name)) for name in list_models()}
    drawn = {f"random {n}": (lambda n=n: random_case(n)) for n in range(RANDOM_CASES)}
    corners = {f"corner {n}": (lambda n=n: corner_case(n)) for n in range(len(CORNERS))}
    return published | drawn | corners  # type: ignore[return-value]
