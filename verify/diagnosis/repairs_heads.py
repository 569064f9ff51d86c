"""What is wrong with an attention that somebody wrote with linear layers.

What the original computes is found first: attention over query, key and value, as the port's own
linear layers give them, with so many heads and such a mask. Then the mistake is the one that gives
what the port's last linear layer reads.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from itertools import permutations, product
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from verify.diagnosis.cause import EXPLAINED, Repair, explained_share, same
from verify.diagnosis.fault import Site, behaves
from verify.diagnosis.layer_view import LayerView
from verify.diagnosis.sources import Source
from verify.diagnosis.written_attention import (
    BY_QUERY,
    CAUSAL,
    MOST_TOKENS,
    NAMED_MASKS,
    NO_MASK,
    PADDING,
    PROJECTIONS,
    WrittenAttention,
)
from verify.runners.pytorch import REFUSALS

SHARES = {
    "none": "softmax is missing",
    "sigmoid": "sigmoid in place of softmax",
    "over queries": "softmax goes over another axis than the keys",
    "over heads": "softmax goes over another axis than the keys",
}


@dataclass(frozen=True)
class _Written:
    """An attention's last linear layer, what that reads now, and the projections in front."""

    last: nn.Module
    reads: Tensor
    projections: tuple[Tensor, ...]

    def computes(self, view: LayerView, attention: WrittenAttention) -> np.ndarray | None:
        """What the layer would, were that its attention; None if it cannot be."""
        merged = attention(*self.projections)
        if merged is None or merged.shape != self.reads.shape:
            return None
        return view.layout(self.last(merged))


@torch.no_grad()
def heads_around(view: LayerView, sources: list[Source]) -> Iterator[Repair]:
    """What is wrong with the attention whose merged values a linear layer reads."""
    written = _written(view, sources)
    if written is None:
        return
    before = view.layout(written.last(written.reads))
    right = _right(view, written, before)
    if right is None:
        return
    merged = right(*written.projections)
    assert merged is not None
    where = None if written.last is view.module else _finding(view.module, written.last)
    plant = behaves(_reading(merged), where)
    names = [
        name
        for name, wrong in _mistakes(right, written)
        if (found := wrong(*written.projections)) is not None
        and same(found.numpy(), written.reads.numpy(), "float32")
    ]
    masked = "" if right.mask == NO_MASK else f" and {NAMED_MASKS[right.mask]}"
    rest = f"computes something else than attention with {right.heads} heads{masked}"
    for name in dict.fromkeys(names or [rest]):
        yield Repair(name, plant)


def _right(view: LayerView, written: _Written, before: np.ndarray) -> WrittenAttention | None:
    """The attention that gives what the original computes."""

    def explains(attention: WrittenAttention) -> bool:
        computed = written.computes(view, attention)
        share = 0.0 if computed is None else explained_share(before, computed, view.expected)
        return share >= EXPLAINED

    fused = len(written.projections) == 1
    width = written.projections[0].shape[-1] // (3 if fused else 1)
    heads = [count for count in range(1, width + 1) if width % count == 0]
    ways = [(by_head, order) for by_head in (False, True)[: 1 + fused] for order in _orders()]
    for (by_head, order), count, mask in product(ways, heads, (NO_MASK, CAUSAL)):
        attention = WrittenAttention(count, mask, order=order, by_head=by_head)
        if explains(attention):
            return attention
    for count, mask in product(heads, (PADDING, BY_QUERY)):
        attention = WrittenAttention(count, mask)
        shown = _shown(view, written, attention)
        if shown is not None and explains(replace(attention, shown=shown)):
            return replace(attention, shown=shown)
    return None


def _shown(view: LayerView, written: _Written, attention: WrittenAttention) -> Tensor | None:
    """By sample the keys that the original sees, if they are all but some at one end."""
    key = written.projections[min(1, len(written.projections) - 1)]
    samples, tokens = key.shape[:2]
    if tokens > MOST_TOKENS:
        return None
    places = torch.arange(tokens)
    ends = [places < n for n in range(1, tokens + 1)] + [places >= n for n in range(1, tokens)]
    best, least = torch.ones(samples, tokens, dtype=torch.bool), np.full(samples, np.inf)
    for end in ends:
        tried = replace(attention, shown=end.expand(samples, -1))
        computed = written.computes(view, tried)
        if computed is None or computed.shape != view.expected.shape:
            return None
        axes = tuple(range(1, computed.ndim))
        errors = np.abs(computed - view.expected).max(axes)
        best[torch.from_numpy(errors < least)] = end
        least = np.minimum(errors, least)
    return best


def _mistakes(right: WrittenAttention, written: _Written) -> Iterator[tuple[str, WrittenAttention]]:
    """By name."""
    fused = len(written.projections) == 1
    width = written.projections[0].shape[-1] // (3 if fused else 1)
    scale = (width / right.heads) ** -0.5
    for heads in range(1, 65):
        if heads != right.heads:
            name, wrong = f"{heads} heads instead of {right.heads}", replace(right, heads=heads)
            yield name, wrong
            yield name, replace(wrong, scale=scale)
    yield "heads are split last, not first", replace(right, heads_last=True)
    yield (
        "heads are split and merged last, not first",
        replace(right, heads_last=True, merged="l k h"),
    )
    yield "heads are merged last, not first", replace(right, merged="l k h")
    yield "heads are merged before they are moved behind the tokens", replace(right, merged="h l k")
    yield "heads of the keys are repeated in turn, not each", replace(right, tiled=True)
    yield "attention is transposed, keys for queries", replace(right, transposed=True)
    for shares, name in SHARES.items():
        yield name, replace(right, shares=shares)
    for mask, name in NAMED_MASKS.items():
        if mask != right.mask:
            told = f"{name}, where there should be {NAMED_MASKS[right.mask]}"
            if mask == NO_MASK:
                told = f"{NAMED_MASKS[right.mask]} is missing"
            yield told, replace(right, mask=mask)
    for order in _orders():
        if order != right.order:
            yield _misplaced(right.order, order, fused), replace(right, order=order)
    if fused:
        which = (
            "one projection after the other, not" if right.by_head else "not one after the other,"
        )
        by_head = replace(right, by_head=not right.by_head)
        yield f"query, key and value lie {which} head by head", by_head


def _misplaced(right: tuple[int, ...], order: tuple[int, ...], fused: bool) -> str:
    taken = [PROJECTIONS[right.index(place)] for place in order]
    moved = [name for name, own in zip(PROJECTIONS, taken, strict=True) if name != own]
    if len(moved) == 2 and not fused:
        return f"{moved[0]} and {moved[1]} are swapped"
    return f"projections are in the order {', '.join(taken)}"


def _orders() -> list[tuple[int, ...]]:
    return list(permutations(range(3)))


def _written(view: LayerView, sources: list[Source]) -> _Written | None:
    """The linear layers of an attention: around the layer, or inside of it."""
    if _is_linear(view.module):
        reads = view.args[0] if view.args else None
        before = [(s.name, s.tensor) for s in sources if _is_linear(s.module)]
        return _of(view.module, reads, before)
    inside = [module for module in view.module.modules() if _is_linear(module)]
    if not 2 <= len(inside) <= 4:
        return None
    calls: list[tuple[nn.Module, Tensor, Tensor]] = []

    def see(module: Any, args: tuple[Any, ...], output: Tensor) -> None:
        calls.append((module, args[0].clone(), output.clone()))

    with ExitStack() as stack:
        for module in inside:
            stack.callback(module.register_forward_hook(see).remove)
        try:
            view.computed()
        except (*REFUSALS, TypeError, AttributeError, AssertionError):
            return None
    names = {module: name for name, module in view.module.named_modules()}
    if len(calls) != len(inside):
        return None
    last, reads, _ = calls[-1]
    return _of(last, reads, [(names[module], output) for module, _, output in calls[:-1]])


def _of(last: nn.Module, reads: Any, before: list[tuple[str, Tensor]]) -> _Written | None:
    """With what the linear layers in front put out: by their names, or in their order."""
    if not isinstance(reads, Tensor) or reads.ndim != 3:
        return None
    before = [(name, output) for name, output in before if output.ndim == 3]
    if before and before[-1][1].shape[-1] == 3 * reads.shape[-1]:
        return _Written(last, reads, (before[-1][1],))
    if len(before) < 3:
        return None
    by_letter = {name.rpartition(".")[2][:1].lower(): output for name, output in before[-3:]}
    if by_letter.keys() == set("qkv"):
        return _Written(last, reads, tuple(by_letter[letter] for letter in "qkv"))
    return _Written(last, reads, tuple(output for _, output in before[-3:]))


def _is_linear(module: nn.Module | None) -> bool:
    """Has it a matrix, and no more than a bias besides, whoever wrote it?"""
    if module is None or isinstance(module, nn.Embedding):
        return False
    own = dict(module.named_parameters())
    return own.keys() | {"bias"} == {"weight", "bias"} and own["weight"].ndim == 2


def _finding(around: nn.Module, inner: nn.Module) -> Callable[[Site], nn.Module]:
    path = next(name for name, module in around.named_modules() if module is inner)
    return lambda site: site.module.get_submodule(path)


def _reading(merged: Tensor) -> Callable[..., Tensor]:
    return lambda module, right, x: right(merged.to(x.dtype))
