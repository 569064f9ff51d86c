"""What a side would draw at random in training, written down while it is off."""

from dataclasses import dataclass, field

import numpy as np

from verify.numerics.arrays import Arrays

DROPOUT, NOISE = "dropout", "noise"


@dataclass
class Drawn:
    """Dropouts at work: whether it is alpha dropout, the rate, how many numbers are drawn.

    So a dropout of whole channels, which draws fewer, is another one than that of single numbers,
    in whatever layout. `noise`: numbers were drawn from a normal distribution.
    """

    dropouts: list[tuple[bool, float, int]] = field(default_factory=list)
    noise: bool = False

    def add(self, rate: float, count: int, alpha: bool = False) -> None:
        """A dropout; one of rate 0 is none."""
        if rate > 0:
            self.dropouts.append((alpha, float(rate), int(count)))

    @property
    def values(self) -> Arrays:
        """As values of a training step, to be compared."""
        rows = np.array(sorted(self.dropouts), np.float64).reshape(-1, 3)
        return {DROPOUT: rows, NOISE: np.array([self.noise], np.float64)}


def told_dropouts(rows: np.ndarray) -> str:
    """For people, what `Drawn.values` says."""
    kinds = (
        ("alpha dropout " if alpha else "") + f"{rate:g} of {count:g}"
        for alpha, rate, count in rows
    )
    return ", ".join(kinds) or "none"
