"""The search space by a covering array: any three values of its fields meet in some net.

A random net needs luck to have a skip beside a kernel of 1 with a stride. Here every combination of
values of `strength` fields, of the sizes, the frames and the streams stands in some net, unless no
net that can be built has it.
"""

import json
import random
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from covertable import make, sorters
from covertable.criteria import simple

from port import Genotype
from port.genotype import ACTIVATIONS, SPATIAL_TYPES, TEMPORAL_TYPES, BlockGenotype
from tests.strategies import Case

COLOURS = 3
# The smallest sizes that show a difference: one pixel, fewer than the stride, as many, a multiple
# of it, and what is none, odd and even; kernels and strides that pad alike on both sides or not.
SIZES = (1, 2, 3, 5, 6)
FACTORS: dict[str, tuple[Any, ...]] = {
    "spatial_type": SPATIAL_TYPES,
    "spatial_kernel": (1, 2, 3, 4),
    "spatial_stride": (1, 2, 3),
    "temporal_type": TEMPORAL_TYPES,
    "temporal_kernel": (1, 2, 3),
    # Together, since a temporal stride drops the skip: so any two other values meet a skip.
    "temporal_stride, skip": ((1, 0), (1, 1), (2, 0), (2, 1)),
    "filters": (2, COLOURS),  # a width other than what comes in, and the same
    "expand": (0, 1, 2),
    "repeats": (1, 2, 3),
    "squeeze": (0.0, 0.5, 1.7),  # to the least width, and to more
    "context_gate": (0, 1),
    "inv-bottle": (0, 1),
    "act": ACTIVATIONS,
    "spatial_act": ACTIVATIONS,
    "temporal_act": ACTIVATIONS,
    "height": SIZES,
    "width": SIZES,
    "frames": (1, 2, 3),
    "streams": ("none", "as fed", "resized", "second", "longer", "shorter"),
    "clips": (1, 2),
    "max_pool": (False, True),
}
Row = Mapping[str, Any]


def covering_cases(strength: int) -> Iterator[Case]:
    """Nets that can all be built and run, in an order that repeats."""
    rows = make(
        {name: list(values) for name, values in FACTORS.items()},
        strength=strength,
        sorter=sorters.hash,
        criterion=simple,
        constraints=[
            {"operator": "fn", "requires": list(needs), "evaluate": rule}
            for rule, needs in RULES.items()
        ],
    )
    for number, row in enumerate(rows):
        yield _case(row, salt=str(number))


def _skip_fits(row: Row) -> bool:
    """One pixel of width stays one: then the skip keeps its height, and what it joins may not."""
    _, skip = row["temporal_stride, skip"]
    if not skip or row["width"] > 1 or row["spatial_kernel"] == 1:
        return True
    return bool(row["spatial_stride"] == 1 or row["height"] <= row["spatial_stride"])


def _gates_fit(row: Row) -> bool:
    """Something has to make the width that the gates have: an expansion or a convolution."""
    if row["expand"] or row["filters"] == COLOURS or not (row["squeeze"] or row["context_gate"]):
        return True
    return bool(row["spatial_kernel"] > 1 and row["spatial_type"] in ("std", "1std", "depth"))


# What can be built and run, and the fields that say so.
RULES: dict[Callable[[Row], bool], tuple[str, ...]] = {
    _skip_fits: ("temporal_stride, skip", "width", "height", "spatial_kernel", "spatial_stride"),
    _gates_fit: (
        "expand", "filters", "squeeze", "context_gate", "spatial_kernel", "spatial_type"
    ),
}  # fmt: skip


def _case(row: Row, salt: str) -> Case:
    block = {name: row[name] for name in FACTORS if name in BlockGenotype.__annotations__}
    block["inv-bottle"] = row["inv-bottle"]
    block["temporal_stride"], block["skip"] = row["temporal_stride, skip"]
    frames, height, width = row["frames"], row["height"], row["width"]

    def stream(num_frames: int = frames, image_size: int = height) -> dict[str, int]:
        return {"num_frames": num_frames, "frame_stride": 1, "image_size": image_size}

    # The block reads the last one, and the first says how many frames there are to a clip: of a
    # shorter one, all that are fed.
    streams = {
        "none": [],
        "as fed": [stream()],
        "resized": [stream()],
        "second": [stream(image_size=4), stream()],
        "longer": [stream(), stream(2 * frames)],
        "shorter": [stream(row["clips"] * frames), stream()],
    }[row["streams"]]
    if streams:
        block["inputs"] = [len(streams) - 1]
    data = {"input_streams": streams} if streams else stream()
    genotype = Genotype.from_dict(data | {"blocks": [block]})
    if row["streams"] == "resized":  # to a square
        height, width = 4, 7
    return Case(
        genotype,
        classes=4,
        batch=row["clips"],
        frames=genotype.clip.num_frames,
        height=height,
        width=width,
        max_pool=row["max_pool"],
        salt=salt,
    )


def draw_corners(count: int = 8) -> list[dict[str, Any]]:
    """Some nets of the array of pairs, as `verify/tvn/corners.json` holds them.

    To write them anew: `python -m tests.covering > verify/tvn/corners.json`.
    """
    cases = list(covering_cases(strength=2))
    return [
        {
            "genotype": case.genotype.to_dict(),
            "batch": case.batch,
            "width": case.width,
            "max_pool": case.max_pool,
        }
        for case in random.Random(0).sample(cases, count)
    ]


if __name__ == "__main__":
    print(json.dumps(draw_corners(), indent=1))
