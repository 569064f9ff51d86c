"""Blocks of arrays by name: where one variable is a part of a tensor, or several make up one."""

import re
from dataclasses import dataclass
from typing import Any

from port.errors import InputError

_NAMED = re.compile(r"^(?P<name>[^\[\]]+?)(?P<index>\[[-\d:, ]+\])?$")


@dataclass(frozen=True, slots=True)
class Index:
    """Which block of an array, as numpy writes it: `[:, 4:8]`, `[0, 4:8]`; empty for all of it."""

    text: str = ""

    def __call__(self, array: Any) -> Any:
        """The block of an array or a tensor, as a view.

        Raises:
            InputError: the array has no such block.
        """
        if not self.text:
            return array
        try:
            return array[tuple(_item(item) for item in self.text[1:-1].split(","))]
        except (IndexError, ValueError):
            shape = tuple(array.shape)
            raise InputError(f"the part {self.text} is none of the shape {shape}") from None

    def __str__(self) -> str:
        return self.text


WHOLE = Index()


def block(axis: int, start: int, stop: int) -> Index:
    """Of an axis, the elements from `start` to before `stop`."""
    return Index(f"[{':, ' * axis}{start}:{stop}]")


def split_name(text: str) -> tuple[str, Index]:
    """A name and its block, of `name` or `name[:, 4:8]`.

    Raises:
        InputError: it is no such text.
    """
    found = _NAMED.match(text.strip())
    if found is None:
        raise InputError(f"weights: {text!r} is no name, and no part such as 'kernel[:, 0:4]'")
    return found["name"], Index(found["index"] or "")


def _item(text: str) -> int | slice:
    start, colon, stop = (piece.strip() for piece in text.partition(":"))
    if not colon:
        return int(start)
    return slice(int(start) if start else None, int(stop) if stop else None)
