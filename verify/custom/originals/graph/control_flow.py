"""Loops and branches of TensorFlow 1, which are many operations: found as one piece each.

Between a `Switch` and its `Merge` one of two branches is dead, and what is dead cannot be fetched.
Between an `Enter` and an `Exit` operations run many times, and read each other in a cycle. So
such a region is taken as a whole. TensorFlow 2 has one operation for all of it, such as `While`.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

ENTER, EXIT = {"Enter", "RefEnter"}, {"Exit", "RefExit"}
SWITCH, MERGE = {"Switch", "RefSwitch", "_SwitchN"}, {"Merge", "RefMerge"}
# One operation that is a whole loop or branch.
WHOLE = {"While", "StatelessWhile", "If", "StatelessIf", "Case", "StatelessCase"}
WHOLE |= {"PartitionedCall", "StatefulPartitionedCall"}
Readers = Mapping[str, Collection[str]]


def regions_of(operations: Iterable[Any]) -> dict[str, str]:
    """By an operation's name the region that it is in, of those that are in one.

    Args:
        operations: of a graph.
    """
    kinds = {op.name: op.type for op in operations}
    readers: dict[str, list[str]] = {name: [] for name in kinds}
    for op in operations:
        for read in (*(tensor.op for tensor in op.inputs), *op.control_inputs):
            readers[read.name].append(op.name)
    loops = _joined(
        _between(name, readers, lambda other: _step(kinds.get(other, ""), ENTER, EXIT))
        for name, kind in kinds.items()
        if kind in ENTER
    )
    around = _without_inside(readers, loops)
    branches = _joined(
        _between(name, around, lambda other: _step(kinds.get(other, ""), SWITCH, MERGE))
        for name, kind in kinds.items()
        if kind in SWITCH and name not in loops
    )
    return {
        name: branches.get(loops.get(name, name), loops.get(name, ""))
        for name in kinds
        if name in loops or name in branches
    }


def _step(kind: str, opens: Collection[str], closes: Collection[str]) -> int:
    return (kind in opens) - (kind in closes)


def _between(start: str, readers: Readers, step: Callable[[str], int]) -> set[str]:
    """What is computed from `start`, which opens a region, until that is closed, both included."""
    met, waiting = {start}, [(start, 1)]
    while waiting:
        name, depth = waiting.pop()
        for reader in readers[name]:
            if reader not in met:
                met.add(reader)
                if (inside := depth + step(reader)) > 0:
                    waiting.append((reader, inside))
    return met


def _joined(pieces: Iterable[set[str]]) -> dict[str, str]:
    """By member the name of its piece, those that have members in common being one.

    Its name, which is that of none of its members, is `name*`.
    """
    first: dict[str, str] = {}

    def root(name: str) -> str:
        while first[name] != name:
            first[name] = first[first[name]]
            name = first[name]
        return name

    for piece in pieces:
        roots = {root(name) for name in piece if name in first}
        one = min(roots or piece)
        first |= dict.fromkeys((*roots, *(n for n in piece if n not in first), one), one)
    return {name: f"{root(name)}*" for name in first}


def _without_inside(readers: Readers, loops: Mapping[str, str]) -> dict[str, list[str]]:
    """With each loop as one node under its region's name."""
    condensed: dict[str, dict[str, None]] = {}
    for name, reading in readers.items():
        key = loops.get(name, name)
        others = (loops.get(reader, reader) for reader in reading)
        condensed.setdefault(key, {}).update(dict.fromkeys(o for o in others if o != key))
    return {name: list(reading) for name, reading in condensed.items()}


# The number by which operations of TensorFlow 1 know that an array of theirs has been written to.
ARRAYS = {"TensorArrayV3", "TensorArrayWriteV3", "TensorArrayScatterV3", "TensorArraySplitV3"}
HANDS_ON = {*ENTER, *EXIT, *SWITCH, *MERGE, "NextIteration", "Identity"}


def flows_of(reads: Mapping[str, tuple[str, Sequence[str]]]) -> set[str]:
    """The operations that put out, or hand on, a number that stands for an array.

    It is a float32, whatever is in the array.

    Args:
        reads: by an operation's name its kind, and the names of the operations that it reads.
    """
    readers: dict[str, list[str]] = {}
    for name, (kind, names) in reads.items():
        for read in names if kind in HANDS_ON else ():
            readers.setdefault(read, []).append(name)
    waiting = [name for name, (kind, _) in reads.items() if kind in ARRAYS]
    found = set(waiting)
    while waiting:
        for reader in readers.get(waiting.pop(), ()):
            if reader not in found:
                found.add(reader)
                waiting.append(reader)
    return found


def in_order(reads: Mapping[str, Collection[str]]) -> Iterator[str]:
    """Every name behind those it reads; what reads itself through others comes once."""
    done, begun = set[str](), set[str]()
    for start in reads:
        waiting = [start]
        while waiting:
            name = waiting[-1]
            missing = [read for read in reads[name] if read not in begun and read not in done]
            if name not in begun and missing:
                begun.add(name)
                waiting += missing
            else:
                begun.add(name)
                waiting.pop()
                if name not in done:
                    done.add(name)
                    yield name
