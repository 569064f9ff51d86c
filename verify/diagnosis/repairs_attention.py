"""Repairs of attention: heads, masks, projections of torch's module; scale and softmax of any.

Attention that somebody wrote in Python has no attribute to change. Its calls of softmax and of
`scaled_dot_product_attention` are changed on their way instead.
"""

from collections.abc import Callable, Iterator
from functools import partial
from itertools import permutations
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode

from verify.diagnosis.cause import Repair
from verify.diagnosis.fault import Plant, Site, Undo, behaves, with_values
from verify.diagnosis.layer_view import LayerView

SOFTMAX = (torch.softmax, F.softmax, Tensor.softmax)
PROJECTIONS = ("query", "key", "value")
# Scores, the axis of softmax, and more; what softmax reads instead, and over which axis.
Change = Callable[[Tensor, int], tuple[Tensor, int]]


def attention_repairs(module: nn.MultiheadAttention) -> Iterator[Repair]:
    """The changes that may mend an attention of torch's."""
    for heads in range(1, module.embed_dim + 1):
        if module.embed_dim % heads == 0 and heads != module.num_heads:
            change = {"num_heads": _always(heads), "head_dim": _always(module.embed_dim // heads)}
            yield Repair(f"{module.num_heads} heads instead of {heads}", with_values(**change))
    name = f"batch_first is {module.batch_first}"
    yield Repair(name, with_values(batch_first=lambda m: not m.batch_first))
    yield Repair("the causal mask is missing", behaves(_causal))
    yield Repair("a mask that the original has not", behaves(_unmasked))
    yield Repair("key and value are swapped", behaves(_swapped))
    if module.in_proj_weight is not None:
        names = ["in_proj_weight"] + ["in_proj_bias"] * (module.in_proj_bias is not None)
        for order in permutations(range(3)):
            if order != (0, 1, 2):
                had = ", ".join(PROJECTIONS[order.index(place)] for place in range(3))
                plant = with_values(**{each: _blocks(each, order) for each in names})
                yield Repair(f"projections are in the order {had}", plant)
        plant = with_values(**{each: _regrouped(each, module.num_heads) for each in names})
        yield Repair("each projection has its heads last, not first", plant)


def written_attention_repairs(module: nn.Module, features: int) -> Iterator[Repair]:
    """The changes that may mend a module of somebody's that calls softmax.

    Args:
        module: with the linear layers inside.
        features: of what it computes.
    """
    if any(True for _ in module.children()):
        for name, change in _changes(features):
            yield Repair(name, behaves(_with(change)))


def attention_around(view: LayerView) -> Iterator[Repair]:
    """The changes of code around a layer that reads what an attention in that code computes."""
    if view.around is None or view.again is None or not isinstance(view.module, nn.Linear):
        return
    met: list[Tensor] = []

    def meet(scores: Tensor, axis: int) -> tuple[Tensor, int]:
        met.append(scores)
        return scores, axis

    undo = behaves(_with(meet))(Site(view.around, view.tap, view.around))
    try:
        view.again()
    finally:
        undo()
    if not met:
        return
    for repair in written_attention_repairs(view.around, view.module.in_features):
        yield Repair(repair.name, partial(_planted_around, repair.plant), around=True)


def _planted_around(plant: Plant, site: Site) -> Undo:
    return plant(Site(site.net, site.tap, site.net))


def _always(value: int) -> Callable[[Any], int]:
    return lambda _: value


def _blocks(name: str, order: tuple[int, ...]) -> Callable[[Any], Tensor]:
    def reordered(module: nn.Module) -> Tensor:
        blocks = getattr(module, name).detach().chunk(3)
        return torch.cat([blocks[place] for place in order])

    return reordered


def _regrouped(name: str, heads: int) -> Callable[[Any], Tensor]:
    def regrouped(module: nn.Module) -> Tensor:
        blocks = getattr(module, name).detach().chunk(3)
        return torch.cat(
            [b.unflatten(0, (-1, heads)).transpose(0, 1).flatten(0, 1) for b in blocks]
        )

    return regrouped


def _causal(
    module: nn.MultiheadAttention, right: Callable[..., Any], *inputs: Tensor, **named: Any
) -> Any:
    time = 1 if module.batch_first else 0
    query, key = (*inputs, *(named[n] for n in PROJECTIONS if n in named))[:2]
    mask = torch.ones(query.shape[time], key.shape[time], dtype=torch.bool).triu(1)
    return right(*inputs[:3], **{**named, "attn_mask": mask, "is_causal": False})


def _unmasked(module: nn.Module, right: Callable[..., Any], *inputs: Tensor, **named: Any) -> Any:
    without = {"attn_mask": None, "key_padding_mask": None, "is_causal": False}
    return right(*inputs[:3], **{**named, **without})


def _swapped(module: nn.Module, right: Callable[..., Any], *inputs: Tensor, **named: Any) -> Any:
    if len(inputs) < 3:
        return right(*inputs, **named)
    query, key, value, *rest = inputs
    return right(query, value, key, *rest, **named)


class _Changed(TorchFunctionMode):
    """Within, softmax reads other scores, or goes over another axis."""

    def __init__(self, change: Change) -> None:
        super().__init__()
        self._change = change

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = dict(kwargs or {})
        if func in SOFTMAX:
            scores, *rest = args
            axis = rest[0] if rest else kwargs["dim"]
            scores, axis = self._change(scores, axis)
            return func(scores, axis)
        if func is F.scaled_dot_product_attention:
            return self._attend(*args, **kwargs)
        return func(*args, **kwargs)

    def _attend(
        self,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        attn_mask: Tensor | None = None,
        dropout_p: float = 0.0,
        is_causal: bool = False,
        scale: float | None = None,
        enable_gqa: bool = False,
    ) -> Tensor:
        """Written out, so that its softmax can be changed."""
        if enable_gqa:
            key, value = (
                x.repeat_interleave(query.shape[-3] // x.shape[-3], -3) for x in (key, value)
            )
        scores = query @ key.mT * (query.shape[-1] ** -0.5 if scale is None else scale)
        if is_causal:
            scores = _masked_ahead(scores)
        if attn_mask is not None:
            boolean = attn_mask.dtype == torch.bool
            scores = scores.masked_fill(~attn_mask, -torch.inf) if boolean else scores + attn_mask
        scores, axis = self._change(scores, -1)
        return scores.softmax(axis) @ value


def _with(change: Change) -> Callable[..., Any]:
    def changed(module: nn.Module, right: Callable[..., Any], *inputs: Any, **named: Any) -> Any:
        with _Changed(change):
            return right(*inputs, **named)

    return changed


def _masked_ahead(scores: Tensor) -> Tensor:
    return scores.masked_fill(torch.ones(scores.shape[-2:], dtype=torch.bool).triu(1), -torch.inf)


# Sizes of heads, besides the divisors of how many features there are.
SIZES = (*range(2, 17), 24, 32, 48, 64, 80, 96, 128)


def _changes(features: int) -> Iterator[tuple[str, Change]]:
    yield "the causal mask is missing", lambda scores, axis: (_masked_ahead(scores), axis)
    yield "softmax goes over another axis than the keys", lambda scores, axis: (scores, -1)
    divisors = (size for size in range(2, features + 1) if features % size == 0)
    for size in sorted({*divisors, *SIZES}):
        yield f"the scale 1/√{size} of the scores is missing", _scaled(size**-0.5)
        yield f"the scale of the scores is 1/√{size} of what it should be", _scaled(size**0.5)


def _scaled(factor: float) -> Change:
    """Scores times `factor`; masked ones stay so."""
    return lambda scores, axis: (scores * factor, axis)
