"""Recurrent layers that a port writes itself: loops over torch's cells, linear layers, parameters.

Such a loop has its own order of gates, in one matrix or in several, and its matrices for what it
reads and for its state apart or side by side. All ways are given that shapes and names allow.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, permutations

import numpy as np
import torch
from torch import nn

from verify.custom.layouts.layout import Layout
from verify.custom.layouts.parts import WHOLE, Index, block
from verify.custom.matching.weights import CONVOLUTION, VECTOR, Row, state_of

# Which of the original's gates lies at each place of a cell's, as in `whole_modules.GATES`.
CELLS: Mapping[type[nn.Module], tuple[int, ...]] = {
    nn.LSTMCell: (0, 1, 2, 3),
    nn.GRUCell: (1, 0, 2),
    nn.RNNCell: (0,),
}
# The original's gates in its order, as ports call them.
NAMES = {
    4: ("i input", "f forget", "g c cell candidate", "o output"),
    3: ("z u update", "r reset", "h n c new candidate"),
}
STATE = re.compile(r"(^|[._])(w_?)?(h2h|hh|h[a-z]?|u[a-z]?|recurrent|hidden|state)([._]|$)")
READ, OF_STATE, BOTH = "read", "of state", "both"


@dataclass(frozen=True, slots=True)
class _Slot:
    """A matrix of the port: its gates are of `group`; `out_first`: the first axis is the gates'."""

    key: str
    group: str
    out_first: bool
    gates: int


@dataclass(frozen=True, slots=True)
class _Sizes:
    """How many features a recurrent layer reads, its state has, and its gates are."""

    read: int
    state: int
    gates: int


def loop_rows(
    path: str, module: nn.Module, variables: Mapping[str, np.ndarray]
) -> Iterator[list[Row]]:
    """The ways in which the variables of one recurrent layer can be all tensors of a module.

    Args:
        path: of the module.
        module: with all that is inside.
        variables: by full names; none of other layers.
    """
    by_base = {name.rpartition("/")[2]: name for name in variables}
    if (
        not {"kernel", "recurrent_kernel"}
        <= by_base.keys()
        <= {"kernel", "recurrent_kernel", "bias"}
    ):
        return
    kernel, recurrent = (variables[by_base[base]] for base in ("kernel", "recurrent_kernel"))
    state = recurrent.shape[-2]
    sizes = _Sizes(kernel.shape[-2], state, kernel.shape[-1] // state)
    tensors = state_of(module)
    matrices = {key: tensor for key, tensor in tensors.items() if tensor.ndim == kernel.ndim}
    vectors = {key: tensor for key, tensor in tensors.items() if tensor.ndim == 1}
    if kernel.shape[-1] % state or len(matrices) + len(vectors) != len(tensors):
        return
    for slots in _slots(module, matrices, sizes):
        for order in _orders(module, slots, sizes.gates):
            rows = list(_matrix_rows(slots, order, sizes, by_base, kernel.ndim))
            biases = list(_bias_rows(slots, order, sizes, by_base, variables, vectors))
            keys = {key for row in (*rows, *biases) for key in (row.key, *row.addends)}
            if keys == tensors.keys() and ("bias" not in by_base or biases):
                yield [_below(path, row) for row in (*rows, *biases)]


def _slots(
    module: nn.Module, matrices: Mapping[str, torch.Tensor], sizes: _Sizes
) -> Iterator[list[_Slot]]:
    """What each matrix may be, so that each gate is once there; what names say comes first."""
    for out_first in (True, False):
        possible: dict[str, list[_Slot]] = {}
        for key, tensor in matrices.items():
            first = out_first or _puts_out_first(module, key)
            out, into = tensor.shape[:2] if first else (tensor.shape[-1], tensor.shape[-2])
            widths = {READ: sizes.read, OF_STATE: sizes.state, BOTH: sizes.read + sizes.state}
            possible[key] = [
                _Slot(key, group, first, out // sizes.state)
                for group, width in widths.items()
                if into == width and out % sizes.state == 0
            ]
        if all(possible.values()):
            yield from _complete(possible, sizes)


def _complete(possible: Mapping[str, Sequence[_Slot]], sizes: _Sizes) -> Iterator[list[_Slot]]:
    sure = [slots[0] for slots in possible.values() if len(slots) == 1]
    open_keys = [key for key, slots in possible.items() if len(slots) > 1]
    named = {key for key in open_keys if STATE.search(key.rpartition(".weight")[0] or key)}
    choices = [
        set(chosen) for n in range(len(open_keys) + 1) for chosen in combinations(open_keys, n)
    ]
    for of_state in sorted(choices, key=lambda chosen: len(chosen ^ named)):
        chosen = [
            next(s for s in possible[key] if s.group == (OF_STATE if key in of_state else READ))
            for key in open_keys
        ]
        groups: dict[str, int] = {}
        for slot in (*sure, *chosen):
            groups[slot.group] = groups.get(slot.group, 0) + slot.gates
        if groups in ({BOTH: sizes.gates}, {READ: sizes.gates, OF_STATE: sizes.gates}):
            by_key = {slot.key: slot for slot in (*sure, *chosen)}
            yield [by_key[key] for key in possible]


def _puts_out_first(module: nn.Module, key: str) -> bool:
    """Does the module that has it multiply by its transpose, as torch's do?"""
    owner = module.get_submodule(key.rpartition(".")[0])
    return isinstance(owner, nn.Linear | nn.modules.conv._ConvNd | nn.RNNCellBase)


def _orders(module: nn.Module, slots: Sequence[_Slot], gates: int) -> Iterator[tuple[int, ...]]:
    """Which of the original's gates lies at each place; the names' order alone, if they say it."""
    for slot in slots:
        owner = module.get_submodule(slot.key.rpartition(".")[0])
        if isinstance(owner, nn.RNNCellBase):
            yield CELLS[type(owner)]
            return
    reading = [slot for slot in slots if slot.group != OF_STATE]
    told = [_gate_of(slot.key, gates) for slot in reading]
    if sorted(gate for gate in told if gate is not None) == list(range(gates)) and gates > 1:
        yield tuple(gate for gate in told if gate is not None)
        return
    yield from permutations(range(gates))


def _gate_of(key: str, gates: int) -> int | None:
    """Of a name such as `w_xi.weight`, `forget_gate` or `xf`, the gate that it means."""
    words = re.findall(r"[a-z]+", key.removesuffix(".weight").rpartition(".")[2].lower())
    for number, names in enumerate(NAMES.get(gates, ())):
        for word in words:
            letter = word[-1] if len(word) == 2 and word[0] in "xiwhu" else word
            if letter in names.split() or word in names.split():
                return number
    return None


def _matrix_rows(
    slots: Sequence[_Slot],
    order: tuple[int, ...],
    sizes: _Sizes,
    names: Mapping[str, str],
    rank: int,
) -> Iterator[Row]:
    places = {READ: 0, OF_STATE: 0, BOTH: 0}
    for slot in slots:
        layout = Layout(_pattern(rank, slot.out_first))
        read, both = (0, sizes.read), (sizes.read, sizes.read + sizes.state)
        halves: dict[str, tuple[int, int] | None] = {"kernel": read, "recurrent_kernel": both}
        if slot.group != BOTH:
            halves = {"kernel" if slot.group == READ else "recurrent_kernel": None}
        start = places[slot.group]
        places[slot.group] += slot.gates
        for gates, to in _runs(order[start : start + slot.gates], sizes):
            for base, columns in halves.items():
                yield Row(
                    names[base],
                    slot.key,
                    layout,
                    block(rank - 1, *gates) if gates else WHOLE,
                    _both(rank, slot.out_first, to if gates else None, columns),
                )


def _runs(
    order: tuple[int, ...], sizes: _Sizes
) -> Iterator[tuple[tuple[int, int] | None, tuple[int, int]]]:
    """Gates that follow one another on both sides, as ranges there and here; None: all there is."""
    size, start = sizes.state, 0
    for stop in range(1, len(order) + 1):
        if stop < len(order) and order[stop] == order[stop - 1] + 1:
            continue
        of = (order[start] * size, (order[stop - 1] + 1) * size)
        whole = stop - start == sizes.gates
        yield None if whole else of, (start * size, stop * size)
        start = stop


def _both(
    rank: int, out_first: bool, gates: tuple[int, int] | None, columns: tuple[int, int] | None
) -> Index:
    """The block of a port's matrix: of its gates, and of what these read."""
    axes = [":" if part is None else f"{part[0]}:{part[1]}" for part in (gates, columns)]
    if axes == [":", ":"]:
        return WHOLE
    if out_first:
        return Index(f"[{axes[0]}, {axes[1]}]" if columns else f"[{axes[0]}]")
    return Index("[" + ":, " * (rank - 2) + f"{axes[1]}, {axes[0]}]")


def _pattern(rank: int, out_first: bool) -> str:
    if rank == 2:
        return "i o -> o i" if out_first else "i o -> i o"
    axes = {3: "w i o", 4: "h w i o", 5: "t h w i o"}[rank]
    return CONVOLUTION[rank - 2][0] if out_first else f"{axes} -> {axes}"


def _bias_rows(
    slots: Sequence[_Slot],
    order: tuple[int, ...],
    sizes: _Sizes,
    names: Mapping[str, str],
    variables: Mapping[str, np.ndarray],
    vectors: Mapping[str, torch.Tensor],
) -> Iterator[Row]:
    """Of each gate the bias, or two: beside what is read, and beside the state."""
    if "bias" not in names:
        return
    reading, others = _grouped(slots, vectors, sizes)
    name, layout = names["bias"], Layout(VECTOR[0])
    sides: list[tuple[int | None, list[str]]] = [(None, reading or others)]
    if variables[name].ndim == 2:
        sides = [(0, reading), (1, others)]
    for half, keys in sides:
        place = 0
        for number, key in enumerate(keys):
            gates = len(vectors[key]) // sizes.state
            for of, to in _runs(order[place : place + gates], sizes):
                start = "" if half is None else f"{half}, "
                whole = of is None and half is None
                part = ":" if of is None else f"{of[0]}:{of[1]}"
                addends = (others[number],) if half is None and reading and others else ()
                yield Row(
                    name, key, layout, WHOLE if whole else Index(f"[{start}{part}]"),
                    WHOLE if of is None else Index(f"[{to[0]}:{to[1]}]"), addends,
                )  # fmt: skip
            place += gates


def _grouped(
    slots: Sequence[_Slot], vectors: Mapping[str, torch.Tensor], sizes: _Sizes
) -> tuple[list[str], list[str]]:
    """The biases beside what is read, and those beside the state; empty if they are no such."""
    group = {slot.key.replace("weight", "bias"): slot.group for slot in slots}
    reading = [key for key in vectors if group.get(key, READ) != OF_STATE]
    others = [key for key in vectors if key not in reading]
    if not others and sum(len(vectors[key]) for key in reading) == 2 * sizes.gates * sizes.state:
        others = [key for key in reading if STATE.search(key)] or reading[len(reading) // 2 :]
        reading = [key for key in reading if key not in others]
    lengths = [[len(vectors[key]) for key in keys] for keys in (reading, others) if keys]
    fits = all(sum(some) == sizes.gates * sizes.state for some in lengths)
    alike = len(lengths) < 2 or lengths[0] == lengths[1]
    return (reading, others) if fits and alike else ([], [])


def _below(path: str, row: Row) -> Row:
    prefix = f"{path}." if path else ""
    addends = tuple(f"{prefix}{key}" for key in row.addends)
    return Row(row.variable, f"{prefix}{row.key}", row.layout, row.of, row.to, addends)
