"""Writes docs/layers.md: every layer of Keras, what it is in PyTorch, and how both are judged.

python -m tests.verify.custom.layers docs/layers.md    # try each pair, and write what is found
"""

import inspect
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.verify.custom.pairs import families
from tests.verify.custom.pairs.judge import Judged, judged
from tests.verify.custom.pairs.left_out import REASONS
from tests.verify.custom.pairs.pair import Pair

HEAD = """# Layers of Keras

`tvn verify` compares anybody's port with a Keras model layer by layer
([your own port](your_own_port.md)). This page lists the layers of Keras 3, and modules of PyTorch
that were compared with each, in a small net with seeded weights (`tests/verify/custom/pairs`). It
is written by `python -m tests.verify.custom.layers docs/layers.md`, and a test tries it again.

A module is right if it computes what the layer does: it must be matched with nothing said by hand,
have a tap, and pass in both precisions; where training is compared, so must three steps of it. Of
wrong modules, such as one with another padding, each must fail, first at a tap of the layer's, and
the diagnosis must name the mistake first, where one is known for it. A module whose weights have
other shapes is refused, by name, which counts as failed.
"""


@dataclass(frozen=True)
class Row:
    """What was found of a layer."""

    name: str
    modules: tuple[str, ...]
    trains: bool
    found: tuple[Judged, ...]

    def __str__(self) -> str:
        """A line of the table."""
        right = [each for each in self.found if each.is_right]
        wrong = [each for each in self.found if not each.is_right]
        training = _share(right) if self.trains else "not compared"
        places = [each for each in wrong if each.place is not None]
        causes = [each for each in wrong if each.cause is not None]
        cells = (
            self.name,
            "; ".join(self.modules),
            _share(right),
            training,
            _share(wrong),
            f"{sum(bool(each.place) for each in places)} of {len(places)}",
            f"{sum(bool(each.cause) for each in causes)} of {len(causes)}",
        )
        return f"| {' | '.join(cells)} |"


def public_layers() -> dict[str, tuple[str, ...]]:
    """The classes of `keras.layers` by name, each with its other names."""
    from keras import layers

    names: dict[type, list[str]] = {}
    for name, value in vars(layers).items():
        if inspect.isclass(value):
            names.setdefault(value, []).append(name)
    found = {}
    for kind, its in names.items():
        first = kind.__name__ if kind.__name__ in its else its[0]
        found[first] = tuple(name for name in its if name != first)
    return found


def tried() -> dict[str, list[Pair]]:
    """The pairs that are about each layer."""
    found: dict[str, list[Pair]] = {}
    for pairs in families().values():
        for pair in pairs:
            found.setdefault(pair.classes.partition("(")[0], []).append(pair)
    return found


def page(rows: Iterable[Row]) -> str:
    """All of it."""
    return "\n".join([HEAD, *_table(list(rows)), "", *_left_out()]) + "\n"


def rows() -> Iterator[Row]:
    """Tries each pair."""
    for name, pairs in sorted(tried().items()):
        modules = tuple(dict.fromkeys(module for pair in pairs for module in pair.right))
        found = tuple(each for pair in pairs for each in judged(pair))
        trains = all(pair.trains for pair in pairs)
        yield Row(name, tuple(map(_code, modules)), trains, found)


def _table(rows: Sequence[Row]) -> Iterator[str]:
    yield "| layer | in PyTorch | right pass | in training | wrong fail | at the layer | named |"
    yield "|---|---|---|---|---|---|---|"
    others = public_layers()
    for row in rows:
        yield str(row)
    yield ""
    aliases = [f"{name} ({', '.join(its)})" for name, its in sorted(others.items()) if its]
    yield f"Other names of the same: {', '.join(aliases)}."


def _left_out() -> Iterator[str]:
    yield "## Not in the table"
    yield ""
    known = tried()
    for reason, names in REASONS.items():
        left = [name for name in names if name not in known]
        if left:
            yield f"- {reason}: {', '.join(left)}."


def _share(found: Sequence[Judged]) -> str:
    return f"{sum(each.verdict for each in found)} of {len(found)}"


def _code(name: str) -> str:
    return name if " " in name and "(" not in name and "." not in name else f"`{name}`"


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(page(rows()))
