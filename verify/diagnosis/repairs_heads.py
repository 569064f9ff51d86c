"""How the heads of an attention are split and merged, where somebody wrote it with linear layers.

What the original computes is found first: attention over query, key and value, as the port's own
linear layers give them, with so many heads. Then the mistake is the one that gives what the port's
last linear layer reads.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn

from verify.diagnosis.cause import EXPLAINED, Repair, explained_share, same
from verify.diagnosis.fault import behaves
from verify.diagnosis.layer_view import LayerView


@dataclass(frozen=True)
class _Attention:
    """With `heads` of them; the other fields are how somebody may get it wrong."""

    heads: int
    causal: bool
    heads_last: bool = False
    merged: str = "l h k"
    tiled: bool = False
    scale: float | None = None
    transposed: bool = False

    def __call__(self, query: Tensor, key: Tensor, value: Tensor) -> Tensor | None:
        """Of `[n, l, (h k)]`; None where the sizes forbid it."""
        size = query.shape[-1] // self.heads
        groups = key.shape[-1] // size if size else 0
        divides = groups and not (
            query.shape[-1] % self.heads
            or key.shape[-1] % size
            or value.shape[-1] % groups
            or self.heads % groups
        )
        if not divides:
            return None
        q, k, v = (
            self._split(x, n) for x, n in ((query, self.heads), (key, groups), (value, groups))
        )
        times = self.heads // groups
        k, v = (
            x.repeat(1, times, 1, 1) if self.tiled else x.repeat_interleave(times, 1)
            for x in (k, v)
        )
        scores = q @ k.mT * (size**-0.5 if self.scale is None else self.scale)
        if self.causal:
            ahead = torch.ones(scores.shape[-2:], dtype=torch.bool).triu(1)
            scores = scores.masked_fill(ahead, -torch.inf)
        shares = scores.softmax(-1)
        if self.transposed:
            if shares.shape[-1] != shares.shape[-2]:
                return None
            shares = shares.mT
        y = shares @ v
        match self.merged:
            case "l k h":
                return y.permute(0, 2, 3, 1).flatten(2)
            case "h l k":
                return y.reshape(len(y), y.shape[2], -1)
        return y.transpose(1, 2).flatten(2)

    def _split(self, x: Tensor, heads: int) -> Tensor:
        if self.heads_last:
            return x.unflatten(-1, (-1, heads)).movedim(-1, 1)
        return x.unflatten(-1, (heads, -1)).transpose(1, 2)


@torch.no_grad()
def heads_around(view: LayerView) -> Iterator[Repair]:
    """What is wrong with the heads whose merged values a linear layer reads."""
    reads = view.args[0] if view.args else None
    if not isinstance(view.module, nn.Linear) or not isinstance(reads, Tensor) or reads.ndim != 3:
        return
    projections = _projections(view)
    if projections is None:
        return
    before = view.output()
    for heads in range(1, projections[0].shape[-1] + 1):
        for causal in (False, True):
            right = _Attention(heads, causal)
            merged = right(*projections)
            if merged is None or merged.shape != reads.shape:
                continue
            if explained_share(before, view.layout(view.module(merged)), view.expected) < EXPLAINED:
                continue
            scale = (projections[0].shape[-1] / heads) ** -0.5
            for name, wrong in _mistakes(right, scale):
                found = wrong(*projections)
                if found is not None and same(found.numpy(), reads.numpy(), "float32"):
                    yield Repair(name, behaves(_reading(merged)))
            return


def _mistakes(right: _Attention, scale: float) -> Iterator[tuple[str, _Attention]]:
    """By name; `scale` is that of the right one."""
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


def _projections(view: LayerView) -> tuple[Tensor, Tensor, Tensor] | None:
    """What the three linear layers in front of it put out: by their names, or in their order."""
    if view.around is None or view.again is None:
        return None
    found: dict[str, Tensor] = {}
    handles = []

    def seeing(name: str) -> Callable[..., None]:
        def see(_: nn.Module, _inputs: Any, output: Tensor) -> None:
            found.setdefault(name, output.detach().clone())

        return see

    def from_now_on(name: str) -> Callable[..., None]:
        def start(inner: nn.Module, _inputs: Any) -> None:
            # Behind the hook that puts the original's values in the place of its output.
            handles.append(inner.register_forward_hook(seeing(name)))

        return start

    for name, inner in view.around.named_modules():
        if isinstance(inner, nn.Linear) and inner is not view.module:
            handles.append(inner.register_forward_pre_hook(from_now_on(name)))
    try:
        view.again()
    finally:
        for handle in handles:
            handle.remove()
    if len(found) != 3 or any(output.ndim != 3 for output in found.values()):
        return None
    by_letter = {name.rpartition(".")[2][:1].lower(): output for name, output in found.items()}
    if by_letter.keys() == set("qkv"):
        return by_letter["q"], by_letter["k"], by_letter["v"]
    query, key, value = found.values()
    return query, key, value


def _reading(merged: Tensor) -> Callable[..., Tensor]:
    return lambda module, right, x: right(merged.to(x.dtype))
