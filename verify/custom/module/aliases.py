"""Which tensors of a running port share memory, and whether that memory is written to."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from torch import Tensor

from verify.runners.operation import tensors_in


@contextmanager
def mutated(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Iterator[list[Tensor]]:
    """A list that is filled, at the end, with the arguments that were written to meanwhile."""
    before = [(tensor, _version(tensor)) for tensor in tensors_in(args, kwargs)]
    changed: list[Tensor] = []
    yield changed
    changed += [tensor for tensor, version in before if _version(tensor) != version]


def _version(tensor: Tensor) -> int:
    """Counts the writes to a tensor; of one in inference mode nobody counts them."""
    return 0 if tensor.is_inference() else tensor._version


class Aliases:
    """Remembers the outputs that are views of what an operation reads.

    If one of them, or what it is a view of, is written to later on, the other must change with it.
    It does not, where the output was replaced. Such a place is in `unsafe`.
    """

    def __init__(self) -> None:
        self.unsafe = set[str]()
        # By the address of memory that is kept from being used again, the places of its views.
        self._views: dict[int, tuple[Tensor, set[str]]] = {}

    def note(
        self,
        place: str,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        output: Tensor,
        replacement: Tensor | None,
        changed: list[Tensor],
    ) -> None:
        """An operation has worked, has written to `changed`, and goes on with `replacement`."""
        self.wrote(changed)
        shared = _memory(output)
        if replacement is None or any(tensor is output for tensor in changed):
            return
        if any(_memory(tensor) == shared for tensor in tensors_in(args, kwargs)):
            for tensor in (output, replacement):
                self._views.setdefault(_memory(tensor), (tensor, set()))[1].add(place)

    def wrote(self, changed: list[Tensor]) -> None:
        """These were written to."""
        for tensor in changed:
            if (known := self._views.get(_memory(tensor))) is not None:
                self.unsafe |= known[1]


def _memory(tensor: Tensor) -> int:
    return tensor.untyped_storage().data_ptr()
