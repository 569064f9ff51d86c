"""Layouts: how an array of the original lies in the port, as einops patterns."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from math import prod

import numpy as np
from einops import EinopsError, rearrange

from port.errors import InputError

# What an activation may look like in the port, the likeliest first. Batch n, time t, height h,
# width w, channels c; of attention, sequence l, heads k, features d.
ACTIVATIONS = (
    "n h w c -> n c h w",
    "n t h w c -> n c t h w",
    "n c -> n c",
    "n l c -> n l c",
    "n l c -> n c l",
    "n l c -> l n c",
    "n c -> n c 1 1",
    "n c -> n c 1",
    "n c -> n c 1 1 1",
    "n 1 1 c -> n c",
    "n 1 1 1 c -> n c",
    "n h w c -> n (h w) c",
    "n l k d -> n l (k d)",
    "n h w c -> n h w c",
    "n t h w c -> n t c h w",
    "n t h w c -> n t h w c",
    "n -> n",
    "n t w c -> n t c w",
    "n t c -> (n t) c",
    "n t w c -> (n t) c w",
    "n t h w c -> (n t) c h w",
)


@dataclass(frozen=True, slots=True)
class Layout:
    """An einops pattern from the original to the port, with the sizes that it cannot know.

    Written as text: `n h w c -> n c h w`, or `(h w c) o -> o (c h w); h=4 w=4`.
    """

    pattern: str
    sizes: tuple[tuple[str, int], ...] = ()

    @classmethod
    def parse(cls, text: str) -> "Layout":
        """Read the written form.

        Raises:
            InputError: it is no such text.
        """
        pattern, _, sizes = text.partition(";")
        try:
            pairs = [item.split("=") for item in sizes.split()]
            read = tuple((name, int(size)) for name, size in pairs)
        except ValueError:
            raise InputError(f"layout {text!r}: sizes look like '; h=4 w=4'") from None
        if pattern.count("->") != 1:
            raise InputError(f"layout {text!r}: a pattern looks like 'n h w c -> n c h w'")
        return cls(pattern.strip(), read)

    def to_port(self, array: np.ndarray) -> np.ndarray:
        """The original's array as the port holds it, in memory of its own.

        Raises:
            InputError: it has no such axes.
        """
        return self._apply(self.pattern, array)

    def to_original(self, array: np.ndarray) -> np.ndarray:
        """Undo `to_port`."""
        left, right = self.pattern.split("->")
        return self._apply(f"{right} -> {left}", array)

    def of_what_is_read(self) -> "Layout | None":
        """Of a dense kernel whose rows are in another order, that of the vectors it reads.

        `n (h w c) -> n (c h w)` of `(h w c) o -> o (c h w)`; None of other layouts.
        """
        rows = re.match(r"^(\(.*\)) \w+ -> \w+ (\(.*\))$", self.pattern)
        return Layout(f"n {rows[1]} -> n {rows[2]}", self.sizes) if rows else None

    def _apply(self, pattern: str, array: np.ndarray) -> np.ndarray:
        try:
            return np.array(rearrange(array, pattern, **dict(self.sizes)), order="C")
        except EinopsError:
            raise InputError(f"layout {self}: does not fit the shape {array.shape}") from None

    def __str__(self) -> str:
        sizes = " ".join(f"{name}={size}" for name, size in self.sizes)
        return f"{self.pattern}; {sizes}" if sizes else self.pattern


def fitting(
    patterns: tuple[str, ...], shape: tuple[int, ...], port_shape: tuple[int, ...]
) -> Iterator[Layout]:
    """The layouts among `patterns` that carry an array of `shape` over to `port_shape`."""
    if prod(shape) != prod(port_shape):  # there is none, which is told without trying
        return iter(())
    return (layout for layout, made in possible(patterns, shape) if made == port_shape)


def possible(
    patterns: tuple[str, ...], shape: tuple[int, ...]
) -> Iterator[tuple[Layout, tuple[int, ...]]]:
    """The layouts among `patterns` that an array of `shape` may have in the port, and its shape."""
    return iter(_possible(patterns, tuple(shape)))


@lru_cache(maxsize=4096)
def _possible(
    patterns: tuple[str, ...], shape: tuple[int, ...]
) -> tuple[tuple[Layout, tuple[int, ...]], ...]:
    found, probe = list[tuple[Layout, tuple[int, ...]]](), np.empty(shape, np.bool_)
    for pattern in patterns:
        layout = _sized(pattern, shape)
        try:
            if layout is not None:
                found.append((layout, layout.to_port(probe).shape))
        except InputError:
            continue
    return tuple(found)


def resized(layout: Layout, shape: tuple[int, ...]) -> Layout | None:
    """The layout of an array of another `shape`; None if that has no such axes."""
    for other in (layout, _sized(layout.pattern, shape)):
        try:
            if other is not None:
                other.to_port(np.empty(shape, np.bool_))
                return other
        except InputError:
            continue
    return None


def _sized(pattern: str, shape: tuple[int, ...]) -> Layout | None:
    """With the sizes of the axes that the port merges, which the way back must know."""
    left, right = pattern.split("->")
    names = left.split()
    if len(names) != len(shape):
        return None
    merged = " ".join(re.findall(r"\((.*?)\)", right)).split()
    sizes = tuple((n, s) for n, s in zip(names, shape, strict=True) if n in merged)
    return Layout(pattern, sizes)
