"""A cause: a mistake, where it is, and how much of what is wrong there it explains."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from verify.diagnosis.fault import Plant

# From here on a difference is explained.
EXPLAINED = 1 - 1e-6
# What a cause must explain at least to be named, and to be built upon.
WORTH_NAMING = 0.5
UNEXPLAINED = "unexplained"
# Two outputs of torch are the same up to its rounding, of the largest magnitude.
SAME = {"float64": 1e-11, "float32": 2e-7}


@dataclass(frozen=True, slots=True)
class Repair:
    """What is wrong, as far as this change mends it; `around`: not in the module, but around it."""

    name: str
    plant: Plant
    around: bool = False


@dataclass(frozen=True, slots=True)
class Cause:
    """A mistake that explains a layer's difference, and the share of it that it explains.

    `also` names others that explain as much, which these clips cannot tell from it; `instead` what
    came next, with its share.
    """

    tap: str
    name: str
    explained: float
    detail: str = ""
    also: tuple[str, ...] = ()
    instead: tuple[tuple[str, float], ...] = ()

    def __str__(self) -> str:
        """One line."""
        if self.name == UNEXPLAINED:
            return f"{self.tap}: {UNEXPLAINED}"
        also = f", or {', or '.join(self.also)}" if self.also else ""
        detail = f" ({self.detail})" if self.detail else ""
        return f"{self.tap}: {self.name}{detail}{also} explains {_percent(self.explained)}"

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "tap": self.tap,
            "cause": self.name,
            "explained": self.explained,
            "detail": self.detail or None,
            "line": str(self),
            "or": list(self.also),
            "next": [{"cause": name, "explained": share} for name, share in self.instead],
        }


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def same(a: np.ndarray | None, b: np.ndarray | None, precision: str) -> bool:
    """Whether two outputs agree up to rounding, or neither is there."""
    if a is None or b is None:
        return a is b
    if a.shape != b.shape:
        return False
    scale = np.abs(b).max(initial=0.0, where=np.isfinite(b))
    return bool(distances(a, b).max(initial=0.0) <= SAME[precision] * scale)


def explained_share(
    before: np.ndarray | None, after: np.ndarray | None, found: np.ndarray | None
) -> float:
    """The share of the difference from `found` that is gone, by its root mean square."""
    if found is None or after is None:
        return 1.0 if found is after else 0.0
    if after.shape != found.shape:
        return 0.0
    if before is None or before.shape != found.shape:
        before = np.zeros_like(found)
    was, left = (_rms(distances(each, found)) for each in (before, after))
    if not np.isfinite(was):  # a NaN in the port alone
        return 1.0 if left == 0 else 0.0
    return max(1 - left / was, 0.0) if was > 0 else 0.0


def distances(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Elementwise; what is not a number on both sides agrees."""
    with np.errstate(invalid="ignore"):
        distances = np.abs(a.astype(np.float64) - b)
    both = (np.isnan(a) & np.isnan(b)) | (a == b)
    return np.where(both, 0.0, np.where(np.isnan(distances), np.inf, distances))


def _rms(values: np.ndarray) -> float:
    return float(np.sqrt(np.mean(np.square(values)))) if values.size else 0.0
