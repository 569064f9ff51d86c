"""Repairs of operations that move numbers about: reshaping, padding, slicing."""

from collections.abc import Callable, Iterator
from functools import partial
from itertools import permutations, product

import torch
from torch import Tensor
from torch.nn import functional as F

from verify.diagnosis.cause import Repair
from verify.diagnosis.fault import Plant, behaves
from verify.diagnosis.layer_view import LayerView
from verify.runners.operation import NOTHING, Operation, tensors_in

# More ways than these are not tried.
MOST = 256
PAD_MODES = ("constant", "reflect", "replicate", "circular")


OnTensors = Callable[[list[Tensor]], Tensor]


def _ends(sequence: Tensor) -> Tensor:
    """Where each of two directions, of which each has half of the features, is at its end."""
    forward, backward = sequence.chunk(2, -1)
    return torch.cat([forward[:, -1], backward[:, 0]], -1)


# What is made of a sequence [B, T, C].
STEPS: dict[str, Callable[[Tensor], Tensor]] = {
    "the last step": lambda sequence: sequence[:, -1],
    "the first step": lambda sequence: sequence[:, 0],
    "the ends of both directions": _ends,
}


def computing(function: OnTensors) -> Plant:
    """Let an operation compute a function of the tensors that it reads."""
    return behaves(lambda _, right, *args, **kwargs: function(list(tensors_in(args, kwargs))))


def on_first(function: Callable[[Tensor], Tensor]) -> OnTensors:
    """A function of the first of them."""
    return lambda tensors: function(tensors[0])


def layouts(
    operation: Operation, x: Tensor, shape: tuple[int, ...] | None, view: LayerView
) -> Iterator[Repair]:
    """The changes that may mend an operation which reads `x` and puts out this shape now."""
    if shape is not None and x.numel() == torch.Size(shape).numel():
        yield from _reordered(operation, x, shape)
    yield from _padded(operation, x, view)
    if operation.called in ("getitem", "narrow", "select", "index_select"):
        yield from _sliced(operation, x, shape or ())
    if x.ndim == 3 and shape is not None and len(shape) == 2:
        for name, function in STEPS.items():
            yield Repair(f"should take {name} of the sequence", computing(on_first(function)))


def _reordered(operation: Operation, x: Tensor, shape: tuple[int, ...]) -> Iterator[Repair]:
    """Its axes in another order, before they are given this shape."""
    for order in permutations(range(1, x.ndim)):
        if order == tuple(range(1, x.ndim)) or operation.called == NOTHING:
            continue
        axes = (0, *order)
        ending = ".flatten(1)" if len(shape) == 2 else f".reshape{(-1, *shape[1:])}"
        name = (
            f"{operation.called} reads the axes in another order than the original: "
            f".permute{axes}{ending} would do"
        )
        yield Repair(
            name,
            computing(on_first(partial(_laid_out, axes, shape))),
        )


def _padded(operation: Operation, x: Tensor, view: LayerView) -> Iterator[Repair]:
    """As much as the original has more, on either side."""
    read = view.layout(x)
    if read.ndim != view.expected.ndim or x.ndim < 3:
        return
    inner = read.ndim - 2
    more = [s - r for s, r in zip(view.expected.shape[1:-1], read.shape[1:-1], strict=True)]
    if min(more) < 0 or max(more) == 0 or view.expected.shape[-1] != read.shape[-1]:
        return
    was = ""
    if operation.called == "pad":
        mode = view.kwargs.get("mode") or (view.args[2] if len(view.args) > 2 else "constant")
        was = f" instead of {tuple(view.args[1] if len(view.args) > 1 else view.kwargs['pad'])}"
        was += "" if mode == "constant" else f", mode={mode!r}"
    ways = list(product(*(range(each + 1) for each in more)))[:MOST]
    for mode, fronts in product(PAD_MODES, ways):
        ends = [(front, each - front) for front, each in zip(fronts, more, strict=True)]
        pads = tuple(number for pair in reversed(ends) for number in pair)
        assert len(pads) == 2 * inner
        by = "" if mode == "constant" else f", mode={mode!r}"
        name = f"pad {pads}{by} is missing" if not was else f"pad should be {pads}{by}{was}"
        yield Repair(
            name,
            computing(on_first(partial(F.pad, pad=pads, mode=mode))),
        )


def _sliced(operation: Operation, x: Tensor, shape: tuple[int, ...]) -> Iterator[Repair]:
    """As many elements of each axis, from elsewhere on; or one element of an axis."""
    if len(shape) == x.ndim - 1:
        for axis in range(1, x.ndim):
            for index in (0, -1, 1, -2):
                if x.shape[axis] > 1:
                    name = f"should take element {index} of axis {axis}"
                    yield Repair(
                        name, computing(on_first(partial(torch.select, dim=axis, index=index)))
                    )
    if len(shape) != x.ndim:
        return
    starts = [_starts(size, taken) for size, taken in zip(x.shape, shape, strict=True)]
    for ways in list(product(*starts))[:MOST]:
        parts = tuple(
            slice(first, first + step * (taken - 1) + 1, step)
            for (first, step), taken in zip(ways, shape, strict=True)
        )
        told = ", ".join(
            f"{part.start}:{part.stop}{f':{part.step}' if part.step > 1 else ''} of axis {axis}"
            for axis, part in enumerate(parts)
            if shape[axis] != x.shape[axis]
        )
        yield Repair(
            f"should take {told}",
            computing(partial(_part, parts)),
        )


def _starts(size: int, taken: int) -> list[tuple[int, int]]:
    """Where as many elements may begin, and in what steps."""
    found = [(first, 1) for first in range(size - taken + 1)]
    for step in (2, 3, 4):
        found += [(f, step) for f in range(step) if f + step * (taken - 1) < size and taken > 1]
    return found


def _laid_out(axes: tuple[int, ...], shape: tuple[int, ...], x: Tensor) -> Tensor:
    return x.permute(axes).reshape(-1, *shape[1:])


def _part(parts: tuple[slice, ...], tensors: list[Tensor]) -> Tensor:
    return tensors[0][parts]
