"""A small net of the measurement: its original in Keras, and its port as somebody writes it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from torch import nn

from verify.custom.originals.keras.model import KerasModel
from verify.custom.originals.probes import probe_input
from verify.runners.tensorflow import import_keras

BATCH = 2
# A port in its parts, in the order in which Python must read them; the net comes last.
Parts = tuple[type[nn.Module], ...]
Builder = Callable[[Any], Any]


@dataclass(frozen=True)
class Net:
    """An original with ports that are right.

    Args:
        name: of the net.
        original: builds it, given `keras`.
        port: its classes, in functional code as far as that is usual.
        shape: of an input, without the batch.
        tokens: how many there are, where inputs are whole numbers; else 0.
        given: what `port_spec` has to be told besides.
        others: further ways of writing the port, by name.
        scale: the largest number of an input.
        make: makes the port, where it is not of classes that are written here.
    """

    name: str
    original: Builder
    port: Parts
    shape: tuple[int, ...]
    tokens: int = 0
    given: Mapping[str, Any] = field(default_factory=dict)
    others: Mapping[str, Parts] = field(default_factory=dict)
    scale: float = 1.0
    make: Callable[[], nn.Module] | None = None

    def keras_model(self, seed: int = 0) -> KerasModel:
        """The original with weights drawn from a seed."""
        return KerasModel(lambda: self.original(import_keras()), seed=seed)

    def inputs(self, seed: int = 0, batch: int = BATCH, scale: float = 1.0) -> np.ndarray:
        """What both sides are fed; of tokens, whole numbers."""
        shape = (batch, *self.shape)
        if self.tokens:
            return np.random.default_rng((seed, *shape)).integers(0, self.tokens, shape)
        return probe_input(shape, seed, self.scale * scale)
