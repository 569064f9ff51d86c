"""A layer that is right, but reads something else than it should: another step, layer or input.

What a port does between its modules is no module's. So everything that was computed before is given
to the layer instead, and what is made of it in usual ways: a step of a sequence, its mean, the ends
of two directions, a sum with what was left out. Where the layer then computes what the original
does, that is what it should have read.
"""

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor, nn

from verify.diagnosis.cause import EXPLAINED, Repair, explained_share, same
from verify.diagnosis.fault import behaves
from verify.diagnosis.layer_view import LayerView
from verify.diagnosis.repairs_functions import MERGES
from verify.diagnosis.sources import Source
from verify.runners.pytorch import REFUSALS

# The nearest sources that are tried, besides what the whole port reads.
NEAREST = 24
# Of longer sequences, the steps at their ends alone.
MOST_STEPS = 64


@torch.no_grad()
def readings(view: LayerView, sources: list[Source]) -> Iterator[Repair]:
    """What the layer should read instead, if that is all that is wrong."""
    for places in _arguments(view):
        x = view.args[places[0]]
        candidates = list(_readable(sources, x))
        what = next((name for name, value in candidates if _is(value, x)), None)
        for name, value in candidates:
            if value.ndim == x.ndim and not _is(value, x) and _mends(view, places, value):
                reads = what or f"something else than {name}"
                told = f"reads {reads}" if what is None else f"reads {reads}, not {name}"
                yield Repair(told, behaves(_reading(places, value)))
                return


def _arguments(view: LayerView) -> list[tuple[int, ...]]:
    """Which arguments are replaced together; of attention the keys and values are one thing."""
    tensors = [i for i, x in enumerate(view.args) if isinstance(x, Tensor) and x.ndim > 1]
    tensors = [i for i in tensors if view.args[i].is_floating_point()]
    if isinstance(view.module, nn.MultiheadAttention) and tensors == [0, 1, 2]:
        return [(0,), (1, 2)]
    return [(index,) for index in tensors]


def _readable(sources: list[Source], x: Tensor) -> Iterator[tuple[str, Tensor]]:
    """By name what there is to be read, the likeliest first."""
    ends = [source for source in sources if source.module is None]
    near = [*reversed(sources[len(ends) :][-NEAREST:]), *ends]
    for source in near:
        yield source.name, source.tensor
    for source in near:
        yield from _picks(source, x)
    for source in near:
        if source.tensor.shape == x.shape and not _is(source.tensor, x):
            yield f"a sum with {source.name}, which is not added", x + source.tensor
            yield f"that without {source.name}, which is added", x - source.tensor


def _picks(source: Source, x: Tensor) -> Iterator[tuple[str, Tensor]]:
    """What is taken of a sequence."""
    name, y, module = source.name, source.tensor, source.module
    if y.ndim != 3 or module is None:
        return
    is_recurrent = isinstance(module, nn.RNNBase)
    if is_recurrent and not module.batch_first:
        y = y.transpose(0, 1)
    yield f"the steps of {name} from the last to the first", y.flip(1)
    steps = y.shape[1]
    for step in range(steps) if steps <= MOST_STEPS else (0, steps - 1):
        which = {steps - 1: "last", 0: "first"}.get(step, f"{step + 1}th")
        yield f"the {which} step of {name}", y[:, step]
    yield f"the mean of all steps of {name}", y.mean(1)
    yield f"the largest of all steps of {name}", y.amax(1)
    yield f"the sum of all steps of {name}", y.sum(1)
    if is_recurrent and module.bidirectional:
        yield from _of_directions(name, *y.chunk(2, -1))
    for letter, state in zip("hc", source.states, strict=False):
        yield f"the last state {letter} of {name}", state[-1]
    if len(source.states) == 2:
        h, c = (state[-1] for state in source.states)
        yield f"the last states h and c of {name}", torch.cat([h, c], -1)
        yield f"the last states c and h of {name}", torch.cat([c, h], -1)


def _of_directions(name: str, first: Tensor, second: Tensor) -> Iterator[tuple[str, Tensor]]:
    """What is made of the two directions of a sequence."""
    for what, one, two in (
        (f"the ends of both directions of {name}", first[:, -1], second[:, 0]),
        (f"both directions of {name}", first, second),
        (f"the last step of both directions of {name}", first[:, -1], second[:, -1]),
    ):
        yield what, torch.cat([one, two], -1)
        yield f"{what}, the second one first", torch.cat([two, one], -1)
        for merge, merged in MERGES.items():
            yield f"the {merge} of {what}", merged(one, two)


def _is(value: Tensor, x: Tensor) -> bool:
    if value.shape != x.shape or value.dtype != x.dtype:
        return False
    return same(value.numpy(), x.numpy(), "float32")


def _mends(view: LayerView, places: tuple[int, ...], value: Tensor) -> bool:
    args = tuple(value if index in places else x for index, x in enumerate(view.args))
    try:
        output = view.layout(view.module(*args, **view.kwargs))
    except (*REFUSALS, TypeError, AssertionError, KeyError):
        return False
    return explained_share(None, output, view.expected) >= EXPLAINED


def _reading(places: tuple[int, ...], value: Tensor) -> Callable[..., Any]:
    def reading(module: nn.Module, right: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        own = next(x for x in args if isinstance(x, Tensor))
        read = value.to(own.dtype)
        return right(*(read if i in places else x for i, x in enumerate(args)), **kwargs)

    return reading
