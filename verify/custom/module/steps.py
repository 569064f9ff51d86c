"""A module that works once for every step of time: its outputs together are one tap."""

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor

from verify.custom.layouts.layout import Layout

# Behind a module's path: all of its calls, one a step.
EVERY = "#*"
# How a sequence lies where steps are put together behind the batch, by how many axes it has.
LAYOUTS = {
    3: Layout("n l c -> n l c"),
    4: Layout("n t w c -> n t c w"),
    5: Layout("n t h w c -> n t c h w"),
}


@dataclass(frozen=True, slots=True)
class Step:
    """One call: of which place, at which step, and after the last of them all as `[n, t, …]`."""

    place: str
    index: int
    sequence: Tensor | None


class Steps:
    """Collects what modules put out step by step, in one run.

    Args:
        expected: by place, such as `cell#*`, how many steps there are.
    """

    def __init__(self, expected: Iterable[tuple[str, int]]) -> None:
        self._expected = {place.removesuffix(EVERY): (place, count) for place, count in expected}
        self._seen: dict[str, list[Tensor]] = {path: [] for path in self._expected}

    def see(self, path: str, output: Tensor) -> Step | None:
        """A module has worked; None if it is none of those, or works more often than expected."""
        if path not in self._seen:
            return None
        place, count = self._expected[path]
        seen = self._seen[path]
        seen.append(output)
        if len(seen) > count:
            return None
        alike = len(seen) == count and all(each.shape == output.shape for each in seen)
        return Step(place, len(seen) - 1, torch.stack(seen, 1) if alike else None)
