"""A graph as pieces: an operation is one, and so is a loop or a branch of many operations."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from verify.custom.originals.graph.control_flow import WHOLE, flows_of, regions_of


@dataclass
class Piece:
    """An operation, or a region of several that is taken as a whole, and the tensors it reads."""

    name: str
    operations: list[Any] = field(default_factory=list)
    reads: dict[str, Any] = field(default_factory=dict)

    @property
    def is_whole(self) -> bool:
        """Is it a loop, a branch or a function?"""
        return len(self.operations) > 1 or self.operations[0].type in WHOLE


class Pieces:
    """All that `outputs`, tensors by name, are computed from.

    Attributes:
        by_name: the pieces.
        reads: by name, the names of the pieces that each reads.
    """

    def __init__(self, graph: Any, outputs: Sequence[str]) -> None:
        operations = graph.get_operations()
        regions, needed = regions_of(operations), needed_for(graph, outputs)
        self._flows = flows_of(
            {op.name: (op.type, [read.op.name for read in op.inputs]) for op in operations}
        )
        self.by_name: dict[str, Piece] = {}
        self._piece_of: dict[str, str] = {}
        for op in operations:
            if op.name in needed:
                name = self._piece_of[op.name] = regions.get(op.name, op.name)
                self.by_name.setdefault(name, Piece(name)).operations.append(op)
        for name, piece in self.by_name.items():
            tensors = (tensor for op in piece.operations for tensor in op.inputs)
            piece.reads = {t.name: t for t in tensors if self.name_of(t) != name}
        self.reads: Mapping[str, list[str]] = {
            name: list(dict.fromkeys(map(self.name_of, piece.reads.values())))
            for name, piece in self.by_name.items()
        }
        read = (name for piece in self.by_name.values() for name in piece.reads)
        self._read = {*read, *outputs}

    def name_of(self, tensor: Any) -> str:
        """The piece that a tensor comes from."""
        return self._piece_of[tensor.op.name]

    def through(self, tensor: Any) -> str:
        """The piece behind identities."""
        while tensor.op.type == "Identity" and self.name_of(tensor) == tensor.op.name:
            tensor = tensor.op.inputs[0]
        return self.name_of(tensor)

    def outputs(self, piece: Piece) -> list[str]:
        """The tensors of numbers that others read; or else the first of any kind."""
        tensors = [tensor for op in piece.operations for tensor in op.outputs]
        read = [tensor for tensor in tensors if tensor.name in self._read] or tensors
        numbers = [
            tensor for tensor in read if tensor.dtype.is_floating and not self._is_list(tensor)
        ]
        return [str(tensor.name) for tensor in numbers or read[:1]]

    def values_in(self, tensors: Iterable[Any]) -> Iterator[str]:
        """The tensors of numbers by name; in the place of a list, what was put into it."""
        waiting, met = list(tensors), set[str]()
        while waiting:
            tensor = waiting.pop(0)
            if tensor.name in met:
                continue
            met.add(tensor.name)
            if self._is_list(tensor):
                waiting = [*tensor.op.inputs, *waiting]
            elif tensor.dtype.is_floating or tensor.dtype.is_integer:
                yield tensor.name

    def _is_list(self, tensor: Any) -> bool:
        return tensor.dtype.name in ("variant", "resource") or tensor.op.name in self._flows


def needed_for(graph: Any, outputs: Sequence[str]) -> set[str]:
    """The names of the operations that `outputs`, tensors by name, are computed from."""
    waiting = [graph.get_tensor_by_name(name).op for name in outputs]
    needed = {op.name for op in waiting}
    while waiting:
        for tensor in waiting.pop().inputs:
            if tensor.op.name not in needed:
                needed.add(tensor.op.name)
                waiting.append(tensor.op)
    return needed
