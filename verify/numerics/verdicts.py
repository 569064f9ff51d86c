"""The two verdicts on one tap: is it the same function, and is it as precise.

A tolerance chosen by hand cannot tell rounding from a bug. In float64 what a bug changes stays
while rounding all but vanishes; and in float32 the original's own error is the yardstick.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from verify.numerics.compare import Difference

# Of a tap's largest magnitude. A correct port was measured at 3e-15 to 9e-15, accumulated.
SAME_FUNCTION_BOUND = 1e-11
# A larger one is never put down to rounding: float32 would be left with no digit.
DOUBTFUL_DIFFERENCE = 1e-8
# The port's float32 error may be this many times the original's own.
SAME_PRECISION_FACTOR = 4.0
# Roundings (half a unit in the last place) of the largest magnitude that are always granted:
# where the original happens to be exact, the port may still round.
GRANTED_ROUNDINGS = 4
FLOAT32_ROUNDING = float(np.finfo(np.float32).eps) / 2


@dataclass(frozen=True, slots=True)
class Verdict:
    """Both verdicts on one tap, with the figures behind them.

    `function` is float64 against float64; `port` and `original` are each side's float32 against
    the float64 truth. After a second look (`verify.engine.second_look`) the original's is the
    largest of `runs` runs, and `explained` the float64 difference that its own rounding explains,
    as a share of the tap's largest magnitude.
    """

    function: Difference
    port: Difference
    original: Difference
    runs: int = 1
    explained: float = 0.0

    @property
    def same_function(self) -> bool:
        """Float64 agrees up to float64's own rounding."""
        return self.function.relative <= max(SAME_FUNCTION_BOUND, self.explained)

    @property
    def same_precision(self) -> bool:
        """The port's float32 is about as near to the truth as the original's own float32."""
        return self.needed_factor <= SAME_PRECISION_FACTOR

    @property
    def passed(self) -> bool:
        """Both."""
        return self.same_function and self.same_precision

    @property
    def doubtful(self) -> bool:
        """What fails is no more than a net that magnifies rounding could do to a right port."""
        return self.function.relative <= DOUBTFUL_DIFFERENCE and np.isfinite(self.port.maximum)

    @property
    def needed_factor(self) -> float:
        """The factor on the original's error at which `same_precision` would just have passed."""
        granted = GRANTED_ROUNDINGS * FLOAT32_ROUNDING * self.port.scale
        pairs = (
            (self.port.maximum, self.original.maximum),
            (self.port.rms, self.original.rms),
        )
        return max(factor_needed(port - granted, original) for port, original in pairs)

    @property
    def ratio(self) -> float:
        """The port's largest float32 error as a multiple of the original's."""
        return factor_needed(self.port.maximum, self.original.maximum)

    def to_dict(self) -> dict[str, Any]:
        """The figures, for JSON."""
        return {
            "passed": self.passed,
            "same_function": self.same_function,
            "same_precision": self.same_precision,
            "float64_error": self.function.maximum,
            "float64_relative_error": self.function.relative,
            "scale": self.function.scale,
            "port_float32_error": {"max": self.port.maximum, "rms": self.port.rms},
            "original_float32_error": {"max": self.original.maximum, "rms": self.original.rms},
            "original_runs": self.runs,
            "explained_float64_error": self.explained,
            "ratio": self.ratio,
            "needed_factor": self.needed_factor,
        }


def factor_needed(port: float, original: float) -> float:
    """The factor on the original's error at which the port's would just have passed.

    No factor lets what is not finite pass, on either side.
    """
    if not (np.isfinite(port) and np.isfinite(original)):
        return np.inf
    if port <= 0:
        return 0.0
    return port / original if original > 0 else np.inf
