"""In which layouts outputs may lie in the port; another one is a mistake, unless the user means it.

Somebody who puts a port in the place of its original gets the right numbers in the wrong places,
if the last transposition is forgotten. So an output counts as the original's only in a layout that
PyTorch's users expect: the original's own, channels first of what has places, and the layout that
an input of as many axes has.
"""

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from verify.custom.layouts.guess import likely_layout
from verify.custom.layouts.layout import Layout
from verify.custom.layouts.nested import with_arrays
from verify.custom.module.outputs import named_tensors
from verify.custom.module.torch_module import Place, to_original
from verify.custom.originals.original import is_output
from verify.diagnosis.cause import Repair
from verify.diagnosis.fault import behaves
from verify.diagnosis.layer_view import LayerView


@dataclass(frozen=True)
class OutputLayouts:
    """Which outputs lie in the port as nobody would expect.

    `lines` tell of every output that lies otherwise than the original's; `unmeant` are the places,
    by tap, of those that are a mistake.
    """

    lines: tuple[str, ...]
    unmeant: Mapping[str, Place]

    def judged(self, places: Mapping[str, Place]) -> dict[str, Place]:
        """All places, with what is unmeant taken as it lies there: it fails."""
        return {
            tap: replace(place, layout=_as_it_is(place.layout)) if tap in self.unmeant else place
            for tap, place in places.items()
        }

    def repairs(self, view: LayerView) -> Iterator[Repair]:
        """Of an output that lies wrong, putting it right."""
        if (place := self.unmeant.get(view.tap)) is not None:
            name = f"laid out as {place.layout} (if meant so, give {_line(view.tap, place)})"
            yield Repair(name, behaves(partial(_relaid, place)))


def look_at_outputs(
    places: Mapping[str, Place], inputs: Iterable[Layout], said: Collection[str]
) -> OutputLayouts:
    """How every output lies in the port.

    Args:
        places: of taps, in the layout in which their numbers agree, if there is one.
        inputs: how those lie.
        said: output taps whose layout is the user's word.
    """
    expected = {_pattern(layout) for layout in inputs}
    lines, unmeant = [], {}
    for tap, place in places.items():
        layout = place.layout
        if not is_output(tap) or tap in said or _pattern(layout) == _pattern(_as_it_is(layout)):
            continue
        rank = len(layout.pattern.partition("->")[0].split())
        usual = likely_layout(rank, rank)
        line = f"{tap} lies in the port as {layout}"
        if _pattern(layout) not in {_pattern(usual), *expected}:
            unmeant[tap] = place
            line = f"{line}, which is a mistake; if it is meant so, give {_line(tap, place)}"
        lines.append(line)
    return OutputLayouts(tuple(lines), unmeant)


def _line(tap: str, place: Place) -> str:
    return f"output_layouts={{{tap!r}: '{place.layout}'}}"


def _as_it_is(layout: Layout) -> Layout:
    axes = layout.pattern.partition("->")[0].strip()
    return Layout(f"{axes} -> {axes}")


def _pattern(layout: Layout) -> str:
    """The same for patterns that differ only in the names of their axes."""
    left, right = layout.pattern.split("->")
    names = {axis: f"a{index}" for index, axis in enumerate(left.split()) if axis != "1"}
    words = re.findall(r"[()]|[^\s()]+", f"{left} -> {right}")
    return " ".join(names.get(word, word) for word in words)


def _relaid(
    place: Place, module: nn.Module, right: Callable[..., Any], *args: Any, **kwargs: Any
) -> Any:
    returned = right(*args, **kwargs)
    tensors: dict[str, Tensor] = named_tensors(returned)
    relaid = torch.from_numpy(to_original(tensors[place.output], place.layout))
    named = {**tensors, place.output: relaid}
    return with_arrays(returned, lambda value: isinstance(value, Tensor), named)
