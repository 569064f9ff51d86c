"""Further inputs of an original, from one that it was given: other numbers, tokens and sizes.

One input at one size hides much: a cap that no value reaches, a padding that is right for odd sizes
alone, samples that get mixed, what a mask does.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from verify.custom.originals.original import Call, Sizes
from verify.custom.originals.probes import probe_input
from verify.specs.spec import Arrays

LARGE, SMALL = 10, 1e-3
# Of an open axis behind the batch, the how many-th it is. At strides of two, each changes where
# what is read further in is odd.
RESIZES: Sequence[Callable[[int, int], int]] = (
    lambda size, place: size + (1, 2, 1)[place],
    lambda size, place: size + (4, 8, 2)[place],
    lambda size, place: max(1, size // 2 + place),
)
# Samples, where one was given alone.
FEW = 3


@dataclass(frozen=True, slots=True)
class Probe:
    """Inputs by name; `resized`: of other sizes than those that were given."""

    name: str
    inputs: Arrays
    resized: bool = False


def draw_probes(
    inputs: Mapping[str, np.ndarray], sizes: Sizes, vocabularies: Mapping[str, int]
) -> Iterator[Probe]:
    """Inputs that may show what the given ones do not.

    Args:
        inputs: the given ones.
        sizes: what the original takes.
        vocabularies: of tokens, by input, how many there are.
    """
    numbers = [name for name, array in inputs.items() if _is_measured(array)]
    if numbers:
        yield Probe("ten times as large", _changed(inputs, numbers, lambda x: x * LARGE))
        yield Probe("negative", _changed(inputs, numbers, lambda x: -x))
        yield Probe("small, and zeros", _changed(inputs, numbers, lambda x: _ended(x * SMALL)))
    if vocabularies:
        drawn = {name: _tokens(inputs[name].shape, size) for name, size in vocabularies.items()}
        typed = {name: array.astype(inputs[name].dtype) for name, array in drawn.items()}
        yield Probe("other tokens", {**inputs, **typed})
    for shapes in _other_shapes(inputs, sizes):
        other = {
            name: _resized(array, shapes[name], vocabularies.get(name))
            for name, array in inputs.items()
        }
        told = ", ".join(dict.fromkeys("×".join(map(str, shape)) for shape in shapes.values()))
        yield Probe(told, other, resized=True)


def open_axes(sizes: Sizes, name: str, array: np.ndarray) -> list[int]:
    """The axes of an input behind the batch that may be of any size."""
    return [axis for axis in range(1, array.ndim) if _is_open(sizes, name, axis)]


def vocabularies_of(
    inputs: Mapping[str, np.ndarray], calls: Sequence[Call], variables: Mapping[str, np.ndarray]
) -> dict[str, int]:
    """Of inputs that a table is read by, as an embedding is by tokens: how many rows it has."""
    found: dict[str, int] = {}
    for name, array in inputs.items():
        if array.dtype.kind not in "iu":
            continue
        for call in calls:
            shapes = [variables[name].shape for name in call.variables]
            rows = [
                s[0] for s in shapes if len(s) == 2 and call.value.shape == (*array.shape, s[1])
            ]
            if rows and array.max(initial=0) < rows[0]:
                found.setdefault(name, rows[0])
    return found


def _is_measured(array: np.ndarray) -> bool:
    """Is it of numbers of any size, not a mask of zeros and ones?"""
    return array.dtype.kind == "f" and not np.isin(array, (0, 1)).all()


def _changed(
    inputs: Mapping[str, np.ndarray], names: Sequence[str], change: Callable[[np.ndarray], Any]
) -> Arrays:
    """With another array of the same type in the place of each of `names`."""
    return {
        name: np.asarray(change(array), array.dtype) if name in names else array
        for name, array in inputs.items()
    }


def _ended(array: np.ndarray) -> np.ndarray:
    """The first sample made zero, from the middle of its first axis on."""
    ended = array.copy()
    if array.ndim > 1:
        ended[0, array.shape[1] // 2 :] = 0
    else:
        ended[:1] = 0
    return ended


def _tokens(shape: tuple[int, ...], size: int) -> np.ndarray:
    """Any, also the last of all; the first, which may say that nothing is there, at an end."""
    tokens = np.random.default_rng((size, *shape)).integers(min(1, size - 1), size, shape)
    flat = tokens.reshape(-1)
    flat[:1] = size - 1
    if tokens.ndim > 1:
        tokens[-1, ..., max(1, shape[-1] // 2) :] = 0
    return tokens


def _other_shapes(
    inputs: Mapping[str, np.ndarray], sizes: Sizes
) -> Iterator[dict[str, tuple[int, ...]]]:
    """Another number of samples, then other sizes of what is open; of equal axes equal sizes."""
    batches = {array.shape[0] for name, array in inputs.items() if _is_open(sizes, name, 0)}
    if len(batches) == 1:
        (batch,) = batches
        yield _shapes(inputs, sizes, {batch: 1 if batch > 1 else FEW}, slice(0, 1))
    if len(inputs) == 1:
        ((name, array),) = inputs.items()
        inner = open_axes(sizes, name, array)
        for resize in RESIZES:
            shape = list(array.shape)
            for place, axis in enumerate(inner):
                shape[axis] = resize(shape[axis], place)
            if inner:
                yield {name: tuple(shape)}
        return
    for resize in RESIZES:
        known = {size for array in inputs.values() for size in array.shape}
        other = {size: resize(size, 0) for size in known}
        shapes = _shapes(inputs, sizes, other, slice(1, None))
        if any(shapes[name] != array.shape for name, array in inputs.items()):
            yield shapes


def _shapes(
    inputs: Mapping[str, np.ndarray], sizes: Sizes, other: Mapping[int, int], axes: slice
) -> dict[str, tuple[int, ...]]:
    """With `other` sizes in the place of those that are open, along `axes`."""
    return {
        name: tuple(
            other.get(size, size)
            if axis in range(array.ndim)[axes] and _is_open(sizes, name, axis)
            else size
            for axis, size in enumerate(array.shape)
        )
        for name, array in inputs.items()
    }


def _is_open(sizes: Sizes, name: str, axis: int) -> bool:
    known = sizes.get(name, ())
    return axis < len(known) and known[axis] is None


def _resized(array: np.ndarray, shape: tuple[int, ...], vocabulary: int | None) -> np.ndarray:
    """Numbers from the same range, tokens; of what may be a mask or an index, the same again."""
    if vocabulary is not None:
        return _tokens(shape, vocabulary).astype(array.dtype)
    if _is_measured(array):
        low, high = float(array.min()), float(array.max())
        return (low + (high - low) * probe_input(shape)).astype(array.dtype)
    return array[np.ix_(*(np.arange(n) % size for n, size in zip(shape, array.shape, strict=True)))]
