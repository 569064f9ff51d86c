"""What every outcome can say, whatever was judged, and why something failed."""

import json
import math
from collections.abc import Sequence
from enum import StrEnum
from typing import Any, Protocol

from verify.specs.about import About


class Reason(StrEnum):
    """Why a tap or a value failed; the value is what people read."""

    NOT_COMPUTED = "the port did not compute it"
    OTHER_FUNCTION = "another function"
    OTHER_FUNCTION_ISOLATED = "another function (isolated)"
    OTHER_FUNCTION_ACCUMULATED = "another function (accumulated)"
    LESS_PRECISE = "less precise"
    LESS_PRECISE_ISOLATED = "less precise (isolated)"
    LESS_PRECISE_ACCUMULATED = "less precise (accumulated)"
    OTHER_WEIGHTS = "other weights"


class Explanation(Protocol):
    """Why something failed, as far as it was found out."""

    @property
    def lines(self) -> Sequence[str]:
        """What to tell a person."""
        ...

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        ...


class Outcome(Protocol):
    """What every outcome of a verification can say."""

    @property
    def name(self) -> str:
        """What was judged."""
        ...

    @property
    def passed(self) -> bool:
        """Did all that was judged pass?"""
        ...

    @property
    def first_failure(self) -> str | None:
        """The first tap that failed, where a tap did."""
        ...

    @property
    def summary(self) -> str:
        """The outcome in one line."""
        ...

    @property
    def worst(self) -> dict[str, float]:
        """The worst figures, for a record that need not hold them all."""
        ...

    @property
    def about(self) -> About:
        """What was compared."""
        ...

    def to_dict(self) -> dict[str, Any]:
        """The figures, for JSON."""
        ...


def in_one_line(outcome: Outcome) -> str:
    """For a Python prompt."""
    word = "passed" if outcome.passed else "FAILED"
    return f"<{type(outcome).__name__}: {word}, {outcome.summary}>"


def explain(diagnosis: Explanation | None) -> dict[str, Any] | None:
    """A diagnosis as plain data, with the lines that tell it."""
    if diagnosis is None:
        return None
    return {**diagnosis.to_dict(), "lines": list(diagnosis.lines)}


def to_json(data: dict[str, Any]) -> str:
    """Plain data as strict JSON, null in place of what is not finite."""
    return json.dumps(_finite(data), indent=1)


def _finite(value: Any) -> Any:
    """`value` with null in place of infinities and NaN, which strict JSON readers refuse."""
    match value:
        case dict():
            return {key: _finite(item) for key, item in value.items()}
        case list() | tuple():
            return [_finite(item) for item in value]
        case float() if not math.isfinite(value):
            return None
    return value
