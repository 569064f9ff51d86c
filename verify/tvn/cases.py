"""The nets that faults are planted in: the published ones made narrow, random ones, corners."""

import json
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
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


@dataclass(frozen=True)
class Case:
    """A net with seeded weights, and the clips it is compared on at first.

    `width_less` is how much narrower than its height a frame is, in pixels, so that height and
    width are not taken for one another.
    """

    name: str
    genotype: Genotype
    classes: int = 7
    max_pool: bool = False
    seed: int = 3
    batch: int = 2
    width_less: int = 0
    probes: tuple[ProbeSet, ...] = field(default=DEFAULT_SETS)

    @cached_property
    def subject(self) -> Subject:
        """The net with its original, fed with these clips."""
        size = self.genotype.clip.image_size
        return Subject(
            self.genotype,
            name=self.name,
            num_classes=self.classes,
            max_pool_predictions=self.max_pool,
            seed=self.seed,
            batch=self.batch,
            height=size,
            width=max(size - self.width_less, 1),
        )

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
    return Case(name, Genotype.from_dict(data))


def full(name: str) -> Case:
    """A published net as it is."""
    return Case(name, Genotype.load(name), probes=())


def random_case(number: int) -> Case:
    """A random net that can be built, from all of the search space, the same on every machine."""
    name = f"random {number}"
    draw = np.random.default_rng(zlib.crc32(name.encode()))
    while True:
        try:
            genotype = _random_genotype(draw, with_streams=number % 3 == 2)
            case = Case(
                name,
                genotype,
                classes=int(draw.integers(2, 8)),
                max_pool=number % 2 == 1,
                seed=number,
                width_less=int(draw.integers(0, 8)),
            )
            TinyVideoNet(genotype, case.classes, max_pool_predictions=case.max_pool)
            _runs(case)
        except InputError:
            continue
        # Only a square one shows that a classifier's kernel was transposed.
        square = case.net.num_features
        return replace(case, classes=square) if number % 4 == 0 else case


def corner_case(number: int) -> Case:
    """A net drawn from the covering array, at its own size."""
    drawn = CORNERS[number]
    genotype = Genotype.from_dict(drawn["genotype"])
    return Case(
        f"corner {number}",
        genotype,
        max_pool=drawn["max_pool"],
        batch=drawn["batch"],
        width_less=genotype.clip.image_size - drawn["width"],
    )


def _runs(case: Case) -> None:
    """Raises InputError where a skip does not fit the size of some clips."""
    sizes = [(probes.height, probes.width) for probes in case.probes]
    clip = case.genotype.clip
    sizes.append((clip.image_size, max(clip.image_size - case.width_less, 1)))
    with torch.no_grad():
        for height, width in sizes:
            case.net.eval()(torch.zeros(1, 3, clip.num_frames, height, width))


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
