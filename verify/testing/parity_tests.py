"""A spec file as tests, for a test file of one's own. Imports no framework."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class ParityTests:
    """What pytest's plugin collects one test a tap and value of."""

    path: Path
    level: str = "inference"

    @property
    def name(self) -> str:
        """What its tests are called, in front of the brackets."""
        return self.path.stem


def parity_tests(path: str | Path, *, level: str = "inference") -> ParityTests:
    """The comparison that a spec file describes, as one test for each tap and value.

    Args:
        path: a Python file that defines `spec()`, as `tvn verify --spec` takes it; a relative one
            is found from the working folder.
        level: how much is judged, see `verify.verify`.
    """
    return ParityTests(Path(path), level)
