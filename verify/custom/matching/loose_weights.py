"""Variables that are no layer's of their own, and tensors of modules that are no layer.

A model may have weights itself, and a module with modules inside may have a parameter besides.
Such are paired one by one: by their names, and at the end by their shapes.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from torch import Tensor, nn

from verify.custom.layouts.layout import Layout, fitting
from verify.custom.matching.alike_names import likeness, plain
from verify.custom.matching.found import Given
from verify.custom.matching.weights import LOOSE, Row, matches, tied


@dataclass(frozen=True, slots=True)
class Pair:
    """A row, and the other variables that its tensor might as well be."""

    row: Row
    others: tuple[str, ...]


def pair_named(tensors: Mapping[str, Tensor], variables: Mapping[str, np.ndarray]) -> list[Pair]:
    """The pairs of fitting shapes whose own names, behind their paths, are the same."""
    pairs = _paired(tensors, variables)
    return [pair for pair in pairs if plain(pair.row.key) == plain(pair.row.variable)]


def pair_fitting(tensors: Mapping[str, Tensor], variables: Mapping[str, np.ndarray]) -> list[Pair]:
    """The pairs of fitting shapes, those of like names first."""
    return _paired(tensors, variables)


def unclaimed(
    rows: Sequence[Row],
    variables: Iterable[str],
    tensors: Mapping[str, Tensor],
    module: nn.Module,
    given: Given,
) -> tuple[list[str], dict[str, Tensor]]:
    """The variables and tensors that have no counterpart, and may have one.

    Args:
        rows: what is placed; a tensor of the module's that is tied to a placed one is so, too.
        variables: the names to choose from.
        tensors: likewise, by key.
        module: the port.
        given: what the user says.
    """
    placed, shared = {row.variable for row in rows}, tied(module)
    filled = {k for row in rows for key in (row.key, *row.addends) for k in shared.get(key, (key,))}
    left = [v for v in variables if v not in placed and not matches(v, given.without)]
    empty = {
        key: tensor
        for key, tensor in tensors.items()
        if key not in filled and not matches(key, given.port_only)
    }
    return left, empty


def _paired(tensors: Mapping[str, Tensor], variables: Mapping[str, np.ndarray]) -> list[Pair]:
    fits: list[tuple[str, str, Layout]] = []
    for key, tensor in tensors.items():
        for name, value in variables.items():
            layout = next(fitting(LOOSE, value.shape, tuple(tensor.shape)), None)
            if layout is not None:
                fits.append((key, name, layout))
    fits.sort(key=lambda fit: (plain(fit[0]) != plain(fit[1]), -likeness(fit[0], fit[1])))
    pairs: list[Pair] = []
    keys, names = set[str](), set[str]()
    for key, name, layout in fits:
        if key in keys or name in names:
            continue
        keys.add(key)
        names.add(name)
        rivals = [n for k, n, _ in fits if k == key and n != name]
        alike = [n for n in rivals if likeness(key, n) >= likeness(key, name)]
        pairs.append(Pair(Row(name, key, layout), tuple(alike)))
    return pairs
