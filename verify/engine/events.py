"""What a verification tells whoever watches it, as it goes."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from verify.reports.outcome import Explanation, Outcome


class Part(Enum):
    """What an outcome is of: every layer, what a level adds, or a variant of the port."""

    LAYERS = "layers"
    LEVEL = "level"
    VARIANT = "variant"


@dataclass(frozen=True, slots=True)
class Progress:
    """Of one comparison, `done` of `total` steps are behind it; `doing` is the present one."""

    name: str
    done: int
    total: int
    doing: str


@dataclass(frozen=True, slots=True)
class Judged:
    """A comparison has come to its outcome."""

    part: Part
    outcome: Outcome


@dataclass(frozen=True, slots=True)
class Explained:
    """It was found out why something failed."""

    diagnosis: Explanation


@dataclass(frozen=True, slots=True)
class Skipped:
    """What was asked for was not judged."""

    names: tuple[str, ...]
    why: str


Event = Progress | Judged | Explained | Skipped
Watch = Callable[[Event], None]


def ignore(event: Event) -> None:
    """Nobody watches."""
