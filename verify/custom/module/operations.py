"""Operations of a port that are no modules: `F.relu(x)`, `x + y`, `torch.cat`, slices.

While the port runs, a `TorchFunctionMode` sees every call of a function of torch's as the port's
author wrote it: `F.interpolate` with its `align_corners`, `x.flatten(1)` as a whole. That is more
than the others see. A dispatch mode is told of ATen's kernels, in which several of an author's
operations are one or one is several, without the arguments; torch.fx follows no port whose Python
depends on its data. Of TorchScript a function mode sees nothing: there the modules are all.

An operation is named by the line that calls it: `my_port.py:42 relu`, and `my_port.py:42 relu#2`
when that works for the second time. What a module of torch's does inside has no name; nor has what
einops does, which counts for the line that calls einops.
"""

import re
import sys
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

import einops
import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from verify.custom.module.aliases import Aliases, mutated
from verify.runners import whole_precision
from verify.runners.operation import Operation

TORCH, EINOPS, OURS = (
    f"{folder}/"
    for folder in (
        Path(torch.__file__).parent,
        Path(einops.__file__).parent,
        Path(__file__).parents[1],
    )
)
# Between a call of a function and the mode that sees it.
WRAPPERS = {__file__, whole_precision.__file__} | {
    f"{TORCH}{path}"
    for path in "overrides.py nn/functional.py _tensor.py functional.py _jit_internal.py".split()
}
# Attributes that are tensors made of a tensor; others, such as its shape, are no operations.
PROPERTIES = ("T", "mT", "H", "mH", "real")
# They compute nothing.
SILENT = frozenset("size dim ndimension numel stride __len__ __setitem__ is_floating_point".split())
# What would work behind a place, or on the input of another, had it not been forgotten.
FORGOTTEN = re.compile(r"^(?:behind|input \d+ of) (?=.)")
REFLECTED = frozenset("add sub mul div truediv pow matmul floordiv mod and or xor".split())


# Is told of an operation: its place, itself, and what it returned, which it may replace.
See = Callable[[str, nn.Module, Any], Any]
# Is told of an operation that is about to work; returns the arguments that it is to have.
Arguments = tuple[tuple[Any, ...], dict[str, Any]]
Enter = Callable[[str, nn.Module, tuple[Any, ...], dict[str, Any]], Arguments]


_unseen: list[bool] = []  # as many as there are reasons not to look


@contextmanager
def unseen() -> Iterator[None]:
    """Within, operations are no part of a run: something is only tried."""
    _unseen.append(True)
    try:
        yield
    finally:
        _unseen.pop()


class Operations(TorchFunctionMode):
    """Sees the operations of a port while it runs.

    Args:
        see: is told of each that has returned a tensor.
        enter: is told of each that is about to work.
        wanted: the places that are of interest; None for all of them.
        known: the operations by place; those that are met for the first time are added.
        aliases: is told which tensors share memory, and which are written to.
    """

    def __init__(
        self,
        see: See,
        enter: Enter,
        wanted: Collection[str] | None,
        known: dict[str, Operation],
        aliases: Aliases | None,
    ) -> None:
        super().__init__()
        self._see, self._enter, self._wanted = see, enter, wanted
        self._known, self._aliases = known, aliases
        self._calls: Counter[str] = Counter()

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        """Called in the place of every function of torch's."""
        kwargs = kwargs or {}
        if _unseen:
            return func(*args, **kwargs)
        place = self._place(func)
        if place is None or (self._wanted is not None and place not in self._wanted):
            return self._written(func, args, kwargs)
        operation = self._known.setdefault(place, operation_at(place))
        operation.function = func
        args, kwargs = self._enter(place, operation, args, kwargs)
        with mutated(args, kwargs) as changed:
            output = operation(*args, **kwargs)
        if not isinstance(output, Tensor):
            return output
        replacement = self._see(place, operation, output)
        in_place = any(tensor is output for tensor in changed)
        if in_place and replacement is not None:
            # Whoever holds the same tensor must see the same numbers.
            replacement = output.copy_(replacement) if replacement.shape == output.shape else None
        if self._aliases is not None:
            self._aliases.note(place, args, kwargs, output, replacement, changed)
        return output if replacement is None else replacement

    def _written(self, func: Callable[..., Any], args: Any, kwargs: dict[str, Any]) -> Any:
        if self._aliases is None:
            return func(*args, **kwargs)
        with mutated(args, kwargs) as changed:
            output = func(*args, **kwargs)
        self._aliases.wrote(changed)
        return output

    def _place(self, func: Callable[..., Any]) -> str | None:
        name = _name(func)
        line = line_of_author() if name else None
        if name is None or line is None:
            return None
        place = f"{line} {name}"
        self._calls[place] += 1
        return place if self._calls[place] == 1 else f"{place}#{self._calls[place]}"


def line_of_author() -> str | None:
    """`file.py:42`, where the port's author calls what is at work; None inside of torch or here."""
    for file, line in _lines():
        if file not in WRAPPERS and not file.startswith(EINOPS):
            return None if file.startswith((TORCH, OURS)) else f"{Path(file).name}:{line}"
    return None


def line_of_use() -> str:
    """Where the port's author calls what is at work, a module too; empty if nowhere."""
    foreign = (TORCH, EINOPS, OURS, whole_precision.__file__)
    return next((f"{Path(f).name}:{n}" for f, n in _lines() if not f.startswith(foreign)), "")


def _lines() -> Iterator[tuple[str, int]]:
    """Where this is called from, the innermost file and line first."""
    frame: FrameType | None = sys._getframe()
    while frame is not None:
        yield frame.f_code.co_filename, frame.f_lineno
        frame = frame.f_back


def _name(func: Callable[..., Any]) -> str | None:
    """`relu` of `F.relu_`, `add` of `Tensor.__iadd__`; None of what is no operation."""
    name: str = getattr(func, "__name__", "")
    if name == "__get__":
        name = getattr(getattr(func, "__self__", None), "__name__", "")
        return name if name in PROPERTIES else None
    if not name or name in SILENT:
        return None
    plain = name.strip("_")
    if name.startswith("__") and plain[:1] in "ri" and plain[1:] in REFLECTED:
        return plain[1:]
    return plain


def operation_at(place: str) -> Operation:
    """One that has not worked yet."""
    if FORGOTTEN.match(place):
        return Operation(place)
    return Operation(place, place.rpartition(" ")[2].partition("#")[0])


def is_operation(place: str) -> bool:
    """Is it a place such as `my_port.py:42 relu`, or one where something was forgotten?"""
    return bool(FORGOTTEN.match(place)) or (" " in place and ":" in place)


def behind(place: str) -> str:
    """Where something is missing between a place and all that reads it."""
    return f"behind {place}"


def input_of(place: str, number: int) -> str:
    """Where something is missing in front of a place; its inputs count from 1."""
    return f"input {number} of {place}"


def beside(place: str) -> str:
    """The place that works, of one where something was forgotten."""
    return FORGOTTEN.sub("", place)
