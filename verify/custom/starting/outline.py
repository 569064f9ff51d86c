"""What a spec to start from is written of: the layers of a model, and a torch module's skeleton."""

import json
import keyword
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

Shape = Sequence[int | None]


@dataclass(frozen=True)
class LayerRow:
    """A layer for the list: its name, kind, output's shape, and weights by name."""

    name: str
    kind: str
    shape: str = ""
    weights: str = ""


@dataclass
class Skeleton:
    """A torch module, line by line.

    `parts` are names of helpers that it needs, see `verify.custom.starting.write`; `missing` are
    the things that are left to be written, each in a few words, and `without` patterns of the
    variables that have no place until then.
    """

    arguments: list[str] = field(default_factory=lambda: ["x"])
    modules: list[str] = field(default_factory=list)
    forward: list[str] = field(default_factory=list)
    parts: set[str] = field(default_factory=set)
    missing: list[str] = field(default_factory=list)
    without: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Outline:
    """All that is known of a model.

    Args:
        kind: what it is, in words.
        original: Python that makes the original of `MODEL`, the path.
        names: what of `verify` that and `inputs` take.
        inputs: Python that makes what is fed.
        layers: for the list.
        skeleton: of the port.
        build: Python in front of the port, which the original takes.
    """

    kind: str
    original: str
    names: tuple[str, ...]
    inputs: str
    layers: Sequence[LayerRow]
    skeleton: Skeleton
    build: str = ""


def identifier(name: str, taken: Iterable[str] = ()) -> str:
    """A Python name for a layer of any name, other than those that are taken."""
    plain = re.sub(r"\W+", "_", name, flags=re.ASCII).strip("_") or "layer"
    if plain[0].isdigit() or keyword.iskeyword(plain) or plain in ("self", "x", "torch", "nn", "F"):
        plain = f"layer_{plain}"
    taken, free, number = set(taken), plain, 1
    while free in taken:
        number += 1
        free = f"{plain}_{number}"
    return free


def told_shape(shape: Shape) -> str:
    """A shape for people; what is open is a question mark."""
    return "×".join("?" if size is None else str(size) for size in shape) or "scalar"


def quoted(text: str) -> str:
    """Python that says this text."""
    return json.dumps(text)


def probe(shape: Shape, whole_below: int | None = None) -> str:
    """Python that makes an input: two samples, 32 where a size is open, or whole numbers."""
    sizes = [2, *(32 if size is None else size for size in shape[1:])] if shape else []
    told = f"({', '.join(map(str, sizes))}{',' if len(sizes) == 1 else ''})"
    if whole_below is None:
        return f"probe_input({told})"
    return f"np.random.default_rng(0).integers({whole_below}, size={told})"
