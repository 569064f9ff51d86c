"""Repairs of torch's attention and transformer layers which the original's values must tell."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from verify.diagnosis.cause import Repair
from verify.diagnosis.fault import Plant, Site, Undo, behaves, with_values
from verify.diagnosis.layer_view import LayerView
from verify.diagnosis.written_attention import HIDDEN, MOST_TOKENS
from verify.runners.pytorch import REFUSALS

LAYERS = (nn.TransformerEncoderLayer, nn.TransformerDecoderLayer)


@torch.no_grad()
def transformer_around(view: LayerView) -> Iterator[Repair]:
    """The changes of a layer of torch's that the tap's module is a part of, or is."""
    if isinstance(view.module, nn.MultiheadAttention):
        yield from _padding(view, view.module)
    layer = view.module if isinstance(view.module, LAYERS) else view.around
    if not isinstance(layer, LAYERS):
        return
    outside = layer is view.around
    first = layer.norm_first
    plant = with_values(norm_first=lambda _: not first)
    yield Repair(f"norm_first is {first}, not {not first}", _at(layer, plant), outside)
    for name, function in (("relu", F.relu), ("gelu", F.gelu), ("silu", F.silu)):
        own = getattr(layer.activation, "__name__", type(layer.activation).__name__).lower()
        if name != own:
            plant = with_values(activation=partial(_constant, function))
            yield Repair(f"{own} instead of {name}", _at(layer, plant), outside)


def _at(layer: nn.Module, plant: Plant) -> Plant:
    """On the layer itself, which is the tap's module or the one around it."""

    def planted(site: Site) -> Undo:
        own = site.module if isinstance(site.module, LAYERS) else site.net
        return plant(Site(site.net, site.tap, own))

    return planted


def _constant(value: Any, _: nn.Module) -> Any:
    return value


def _padding(view: LayerView, module: nn.MultiheadAttention) -> Iterator[Repair]:
    """A mask of the keys at one end, by sample: the one that gives what the original computes."""
    tensors = [x for x in view.args[:3] if isinstance(x, Tensor)]
    if len(tensors) < 3 or tensors[0].ndim != 3:
        return
    time, batch = (1, 0) if module.batch_first else (0, 1)
    query, key = tensors[0].shape[time], tensors[1].shape[time]
    samples = tensors[0].shape[batch]
    if key > MOST_TOKENS or len(view.expected) != samples:
        return
    places = torch.arange(key)
    ends = [places >= n for n in range(1, key + 1)] + [places < n for n in range(1, key)]
    for by_query in (False, True) if query == key else (False,):
        hidden, least = torch.zeros(samples, key, dtype=torch.bool), np.full(samples, np.inf)
        for end in ends:
            mask = _mask(end.expand(samples, -1), query, module.num_heads, by_query)
            try:
                output = view.layout(module(*tensors, attn_mask=mask, need_weights=False))
            except REFUSALS:
                return
            if output.shape != view.expected.shape:
                return
            errors = np.abs(output - view.expected).max(tuple(range(1, output.ndim)))
            hidden[torch.from_numpy(errors < least)] = end
            least = np.minimum(errors, least)
        if hidden.any():
            mask = _mask(hidden, query, module.num_heads, by_query)
            plant = behaves(partial(_masked, mask))
            yield Repair("the mask of padding is missing, or another", plant)


def _mask(hidden: Tensor, query: int, heads: int, by_query: bool) -> Tensor:
    """`[(n h), l, s]`, added to scores; `by_query`: what is padding takes the mean of all."""
    mask = hidden[:, None].expand(-1, query, -1)
    if by_query:
        mask = mask | hidden[:, :, None]
    scores = torch.zeros(mask.shape, dtype=torch.float64).masked_fill(mask, HIDDEN)
    return scores.repeat_interleave(heads, 0)


def _masked(
    mask: Tensor, module: nn.Module, right: Callable[..., Any], *args: Any, **kwargs: Any
) -> Any:
    named = {**kwargs, "key_padding_mask": None, "attn_mask": mask.to(args[0].dtype)}
    return right(*args[:3], **named)
