"""Why a port trains otherwise: what differs, the mistakes that explain it, and is that all."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from verify.diagnosis.cause import UNEXPLAINED, Cause


@dataclass(frozen=True)
class TrainingDiagnosis:
    """Why a port trains otherwise.

    `differing` are the values of a step that differ; `left` those that still do with the causes
    planted in a right port or, if `mended`, taken out of the wrong one.
    """

    differing: Sequence[str]
    causes: Sequence[Cause]
    left: Sequence[str]
    mended: bool = False

    @property
    def confirmed(self) -> bool:
        """The causes are all that is wrong."""
        return bool(self.differing) and not self.left

    @property
    def lines(self) -> list[str]:
        """What to tell a person."""
        if not self.differing:
            beside = "the original's" if self.mended else "that of a port built anew"
            besides = "" if self.mended else "the code that any port is built from, "
            return [
                f"a step in float64 is {beside}: what fails is {besides}float32, or another batch"
            ]
        if all(cause.name == UNEXPLAINED for cause in self.causes):
            return [f"{self.differing[0]}: nothing that is known here explains it"]
        done, what = (
            ("that mended", "step is the original's")
            if self.mended
            else ("that planted in it", "step of a right port is this one's")
        )
        said = f"confirmed: with {done}, every value of a {what}"
        if not self.confirmed:
            said = f"not all of it: with {done}, {self.left[0]} still differs"
        return [*map(str, self.causes), said]

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "differing_values": list(self.differing),
            "causes": [cause.to_dict() for cause in self.causes],
            "mended": self.mended,
            "confirmed": self.confirmed,
            "still_differing_values": list(self.left),
        }
