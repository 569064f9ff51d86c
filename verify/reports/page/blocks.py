"""The net as blocks of layers, for its drawing: what each block reads, how wrong each layer is."""

import re
from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any

Data = Mapping[str, Any]
# A layer alone: not judged; the float32 error as a multiple of the original's own; wrong.
LEVELS = {
    "none": "not judged alone",
    "one": "as precise as the original",
    "two": "up to 2 times its error",
    "four": "up to 4 times its error",
    "bad": "wrong by itself",
}
# A first word of a name groups layers if there are at most this many groups a layer.
FEW = 0.6


def blocks_of(data: Data) -> list[dict[str, Any]]:
    """Each block: its name, the blocks it reads, and the numbers of its layers."""
    taps = data["taps"]
    numbers = {tap["name"]: number for number, tap in enumerate(taps)}
    stages = data.get("stages") or []
    if len(stages) > 1:
        home = {tap: stage["name"] for stage in stages for tap in stage["taps"]}
        return [
            {
                "name": stage["name"],
                "reads": [home[read] for read in stage["reads"] if read in home],
                "taps": [numbers[tap] for tap in stage["taps"] if tap in numbers],
            }
            for stage in stages
        ]
    return _by_names([tap["name"] for tap in taps])


def _by_names(names: Sequence[str]) -> list[dict[str, Any]]:
    """Neighbours whose names begin with the same word; all in one where that says nothing."""
    first = [re.split(r"[/_.#]", name)[0] or name for name in names]
    runs = [(word, list(run)) for word, run in groupby(range(len(names)), key=first.__getitem__)]
    if len(runs) > 1 and len(runs) > FEW * len(names):
        runs = [("layers", list(range(len(names))))]
    return [
        {"name": word, "reads": [runs[place - 1][0]] if place else [], "taps": numbers}
        for place, (word, numbers) in enumerate(runs)
    ]


def level_of(tap: Data, guilty: bool) -> str:
    """How a layer is coloured: by its error alone."""
    if guilty:
        return "bad"
    alone = tap["isolated"]
    if alone is None:
        return "none"
    factor = alone["needed_factor"]
    if factor is None or not alone["passed"]:
        return "bad"
    return "one" if factor <= 1 else "two" if factor <= 2 else "four"
