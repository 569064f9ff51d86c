"""Attention as somebody writes it with linear layers: done right, and in every usual wrong way."""

from dataclasses import dataclass

import torch
from torch import Tensor

PROJECTIONS = ("query", "key", "value")
NO_MASK, CAUSAL, PADDING, BY_QUERY = "no", "causal", "padding", "by query"
# Such a score leaves no share, or equal ones where all are so.
HIDDEN = -1e30
# Of longer sequences no padding is looked for.
MOST_TOKENS = 128
NAMED_MASKS = {
    NO_MASK: "no mask at all",
    CAUSAL: "the causal mask",
    "strict": "a causal mask that hides the token itself",
    "ahead": "a mask of what is behind, not of what is ahead",
    PADDING: "the mask of padding",
    BY_QUERY: "the mask of padding, of queries too",
    "inverted": "the mask of padding, inverted",
    "weak": "a mask of padding that adds only -1",
}


@dataclass(frozen=True)
class WrittenAttention:
    """With `heads` of them; the other fields are how somebody may get it wrong.

    `shown` `[n, s]` are the keys that are no padding; `order`: which of the projections is taken
    for query, key and value; `by_head`: of one matrix, the three of each head lie side by side.
    """

    heads: int
    mask: str = NO_MASK
    shown: Tensor | None = None
    order: tuple[int, ...] = (0, 1, 2)
    by_head: bool = False
    heads_last: bool = False
    merged: str = "l h k"
    tiled: bool = False
    scale: float | None = None
    transposed: bool = False
    shares: str = "softmax"

    def __call__(self, *projections: Tensor) -> Tensor | None:
        """Of query, key and value `[n, l, (h k)]`, or of one tensor with all; None if sizes forbid.

        Returns:
            `[n, l, (h k)]`.
        """
        parts = self._parts(projections)
        if parts is None:
            return None
        query, key, value = parts
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
        shares = self._shares(self._masked(scores))
        if self.transposed:
            if shares.shape[-1] != shares.shape[-2]:
                return None
            shares = shares.mT
        if shares.shape[-1] != v.shape[-2]:
            return None
        return self._merge(shares @ v)

    def _parts(self, projections: tuple[Tensor, ...]) -> tuple[Tensor, ...] | None:
        if len(projections) == 1:
            (fused,) = projections
            if fused.shape[-1] % (3 * self.heads):
                return None
            if self.by_head:
                fused = fused.unflatten(-1, (self.heads, 3, -1)).transpose(-2, -3).flatten(-3)
            projections = fused.chunk(3, -1)
        return tuple(projections[place] for place in self.order)

    def _split(self, x: Tensor, heads: int) -> Tensor:
        if self.heads_last:
            return x.unflatten(-1, (-1, heads)).movedim(-1, 1)
        return x.unflatten(-1, (heads, -1)).transpose(1, 2)

    def _masked(self, scores: Tensor) -> Tensor:
        if self.mask in (PADDING, BY_QUERY, "inverted", "weak"):
            if self.shown is None or self.shown.shape[-1] != scores.shape[-1]:
                return scores * torch.nan
            here = self.shown[:, None, None]
            if self.mask == "weak":
                return scores - (~here).to(scores.dtype)
            if self.mask == BY_QUERY:  # what sees nothing takes the mean of all
                here = here & self.shown[:, None, :, None]
            return scores.masked_fill(here if self.mask == "inverted" else ~here, HIDDEN)
        if self.mask == NO_MASK:
            return scores
        ones = torch.ones(scores.shape[-2:], dtype=torch.bool)
        hidden = {"strict": ones.triu(0), "ahead": ones.tril(-1)}.get(self.mask, ones.triu(1))
        return scores.masked_fill(hidden, HIDDEN)

    def _shares(self, scores: Tensor) -> Tensor:
        match self.shares:
            case "none":
                return scores
            case "sigmoid":
                return scores.sigmoid()
            case "over queries":
                return scores.softmax(-2)
            case "over heads":
                return scores.softmax(1)
        return scores.softmax(-1)

    def _merge(self, y: Tensor) -> Tensor:
        match self.merged:
            case "l k h":
                return y.permute(0, 2, 3, 1).flatten(2)
            case "h l k":
                return y.reshape(len(y), y.shape[2], -1)
        return y.transpose(1, 2).flatten(2)
