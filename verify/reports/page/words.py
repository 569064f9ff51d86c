"""How figures are written on the page: as in the terminal, as far as they fit."""

import math
from typing import Any

UNKNOWN, INFINITE = "–", "∞"


def error(value: float | None) -> str:
    """A share of the largest magnitude; JSON has no infinity, it is null there."""
    return INFINITE if value is None else f"{value:.1e}"


def ratio(value: float | None) -> str:
    """A multiple of the original's own error."""
    if value is None:
        return INFINITE
    return f"{value:.2f}" if value < 1000 else f"{value:.2e}"


def shape(sizes: list[int]) -> str:
    """As in the terminal."""
    return "×".join(map(str, sizes))


def percent(share: float | None) -> str:
    """Of a difference that is explained."""
    return UNKNOWN if share is None else f"{100 * share:.1f} %"


def sortable(value: float | None) -> str:
    """A number as the page's script reads it."""
    return "Infinity" if value is None else repr(float(value))


def plain(value: Any) -> str:
    """Anything else; of fractions as many digits as a reader can use."""
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def count(number: int, one: str, many: str) -> str:
    """So many of something."""
    return f"{number:,} {one if number == 1 else many}"


def relative(verdict: dict[str, Any], side: str) -> float:
    """The largest float32 error of `port` or `original`, as a share of the largest magnitude."""
    error, scale = verdict[f"{side}_float32_error"]["max"], verdict["scale"]
    if error is None or scale is None:
        return math.inf
    if error == 0:
        return 0.0
    return float(error / scale) if scale > 0 else math.inf
