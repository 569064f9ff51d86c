"""A spec without a framework, so that starting pytest many times costs little.

WRONG names the tap at which the port is another function.
"""

import os
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np

from verify import PortSpec, Stage

LAYERS: Mapping[str, tuple[str, Callable[[np.ndarray], np.ndarray]]] = {
    "stem": ("input", lambda x: x * 3),
    "act": ("stem", lambda x: np.maximum(x, 0)),
    "classes": ("act", lambda x: x + 1),
}


class Side:
    def __init__(self, precision: str, wrong: str) -> None:
        self.precision, self.wrong = precision, wrong

    def _layer(self, tap: str, seen: Mapping[str, np.ndarray]) -> np.ndarray:
        reads, function = LAYERS[tap]
        y = function(seen[reads].astype(self.precision))
        return y + 1 if tap == self.wrong else y

    def run_layer(self, tap: str, seen: Mapping[str, np.ndarray]) -> np.ndarray:
        return self._layer(tap, seen)

    def close(self) -> None:
        pass


def log(line: str) -> None:
    if path := os.environ.get("LOG"):
        with Path(path).open("a") as file:
            file.write(f"{line}\n")


class Original(Side):
    def run_stage(self, stage: Stage, given: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        log("ran")
        seen = dict(given)
        for tap in stage.taps:
            seen[tap] = self._layer(tap, seen)
        return {tap: seen[tap] for tap in stage.taps}


class Port(Side):
    def run_stage(
        self,
        stage: Stage,
        given: Mapping[str, np.ndarray],
        see: Callable[[str, np.ndarray], None],
    ) -> None:
        seen = dict(given)
        for tap in stage.taps:
            seen[tap] = self._layer(tap, seen)
            see(tap, seen[tap])

    def run_layers(
        self,
        stage: Stage,
        seen: Mapping[str, np.ndarray],
        see: Callable[[str, np.ndarray], None],
    ) -> None:
        for tap in stage.taps:
            see(tap, self._layer(tap, seen))


def spec() -> PortSpec:
    log("read")
    return PortSpec(
        name="by hand",
        stages=[Stage("net", ("input",), tuple(LAYERS))],
        original=lambda precision: Original(precision, ""),
        port=lambda precision: Port(precision, os.environ.get("WRONG", "")),
        inputs={"input": np.linspace(-1, 1, 12, dtype=np.float32).reshape(3, 4)},
    )
