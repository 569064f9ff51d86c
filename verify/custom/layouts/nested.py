"""Nested dicts, lists and tuples of arrays, and the same arrays by name: `boxes`, `scores/0`."""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields, is_dataclass
from typing import Any

Is = Callable[[Any], bool]


def by_name(structure: Any, is_array: Is) -> dict[str, Any]:
    """The arrays of a structure, by their keys or numbers; one alone has no name.

    Data classes and named tuples count by their fields. What is neither is left out.
    """
    return dict(_named(structure, is_array))


def nested(named: Mapping[str, Any]) -> Any:
    """Undo `by_name`, up to tuples, which become lists, and data classes, which become dicts."""
    if "" in named:
        return named[""]
    parts: dict[str, dict[str, Any]] = {}
    for name, value in named.items():
        first, _, rest = name.partition("/")
        parts.setdefault(first, {})[rest] = value
    inside = {name: nested(part) for name, part in parts.items()}
    numbered = list(inside) == [str(index) for index in range(len(inside))]
    return list(inside.values()) if numbered else inside


def with_arrays(structure: Any, is_array: Is, named: Mapping[str, Any], path: str = "") -> Any:
    """A structure of dicts, lists and tuples with the arrays of these names in it."""
    if is_array(structure):
        return named[path]
    inside = {
        key: with_arrays(value, is_array, named, f"{path}/{key}" if path else str(key))
        for key, value in _inside(structure)
    }
    return inside if isinstance(structure, Mapping) else type(structure)(inside.values())


def told(named: Mapping[str, Any]) -> str:
    """The shapes by name, for an error."""
    shapes = {
        name: "×".join(map(str, array.shape)) or "one number" for name, array in named.items()
    }
    if list(shapes) == [""]:
        return f"one array {shapes['']}"
    return ", ".join(f"{name} {shape}" for name, shape in shapes.items()) or "no array"


def in_one_line(error: Exception | None) -> str:
    """What it says first; Keras' and TensorFlow's errors go on for many lines."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    if lines[1:] and lines[0].startswith("Exception encountered when calling"):  # which is no news
        lines = [re.sub(r"\x1b\[\d*m", "", line) for line in lines[1:]]
    return f"{type(error).__name__}: {lines[0] if lines else ''}".rstrip(": ")


def _named(structure: Any, is_array: Is) -> Iterator[tuple[str, Any]]:
    if is_array(structure):
        yield "", structure
        return
    for key, value in _inside(structure):
        for name, array in _named(value, is_array):
            yield f"{key}/{name}" if name else str(key), array


def _inside(structure: Any) -> Iterator[tuple[Any, Any]]:
    if isinstance(structure, Mapping):
        yield from structure.items()
    elif hasattr(structure, "_asdict"):
        yield from structure._asdict().items()
    elif isinstance(structure, tuple | list):
        yield from enumerate(structure)
    elif is_dataclass(structure) and not isinstance(structure, type):
        yield from ((each.name, getattr(structure, each.name)) for each in fields(structure))
