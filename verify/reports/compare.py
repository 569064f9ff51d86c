"""Two reports side by side: which taps and values got better, and which got worse."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

Data = Mapping[str, Any]


class State(StrEnum):
    """Of a tap or a value, the best first."""

    SAME = "same"
    FOLLOWS = "differs because of others"
    WRONG = "wrong by itself"


class Change(StrEnum):
    """From the first report to the second."""

    BETTER = "better"
    WORSE = "worse"
    GONE = "only in the first"
    NEW = "only in the second"
    UNCHANGED = "unchanged"


@dataclass(frozen=True, slots=True)
class Judged:
    """A tap or value of one report: its state, and its float64 error."""

    state: State
    error: float | None


@dataclass(frozen=True, slots=True)
class Row:
    """A tap or value of two reports; None where one does not have it."""

    name: str
    before: Judged | None
    after: Judged | None

    @property
    def change(self) -> Change:
        """What became of it; an error within what is allowed is no worse than another."""
        if self.before is None:
            return Change.NEW
        if self.after is None:
            return Change.GONE
        order = list(State)
        was, found = order.index(self.before.state), order.index(self.after.state)
        if was == found:
            return Change.UNCHANGED
        return Change.BETTER if found < was else Change.WORSE


def compare_reports(first: Data, second: Data) -> list[Row]:
    """Every tap and value of either report, in the order of the first.

    Args:
        first: what a report's JSON holds.
        second: likewise.
    """
    before, after = dict(_judged(first)), dict(_judged(second))
    return [Row(name, before.get(name), after.get(name)) for name in {**before, **after}]


def _judged(data: Data, prefix: str = "") -> Iterator[tuple[str, Judged]]:
    guilty = set(data.get("guilty", ()))
    for tap in data.get("taps", ()):
        if "accumulated" not in tap:  # figures to be read, not judged
            continue
        failed = State.WRONG if tap["name"] in guilty else State.FOLLOWS
        verdict = tap["isolated"] or tap["accumulated"] or {}
        error = verdict.get("float64_relative_error")
        yield prefix + tap["name"], Judged(State.SAME if tap["passed"] else failed, error)
    for value in data.get("values", ()):
        state = State.SAME if value["passed"] else State.WRONG
        yield prefix + value["name"], Judged(state, value["float64_error"])
    for name, outcome in data.get("further", {}).items():
        state = State.SAME if outcome["passed"] else State.WRONG
        yield name, Judged(state, None)
        yield from _judged(outcome, f"{name}: ")
