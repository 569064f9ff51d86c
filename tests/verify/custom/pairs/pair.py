"""What a pair is: a layer of Keras in a small net, and modules of torch that are it or are not."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from torch import nn

from verify.custom import probe_input

Make = Callable[[], nn.Module]
# The layer that is looked at; taps inside of it begin so.
LAYER = "layer"


@dataclass(frozen=True)
class Wrong:
    """A module that is not the layer, and what the diagnosis has to say of it.

    `cause` is in the text of the first cause that is named; None where none is expected. `at` is
    how the first tap that fails begins: a layer that is missing shows in the next one.
    """

    make: Make
    cause: str | None
    at: str = LAYER


@dataclass(frozen=True)
class Pair:
    """A layer of Keras called `layer`, between two dense layers, and its counterparts.

    Args:
        classes: of `keras.layers`, which it is about.
        original: puts the layer, named `layer`, behind a symbolic tensor.
        shape: of what the net reads, without the batch.
        right: torch modules that compute what the layer does, by what is written of them in
            `docs/layers.md`, such as `nn.Conv2d`.
        wrong: torch modules that do not, by the mistake.
        channels_last: what the modules read and return is laid out as in Keras; or else channels
            come behind the batch.
        tokens: the net reads whole numbers below this, and has no dense layer in front.
        trains: whether training steps are compared, too.
        scale: of what the net reads: numbers in [-scale, scale].
        given: further arguments of `port_spec`.
    """

    classes: str
    original: Callable[[Any], Any]
    shape: tuple[int, ...]
    right: Mapping[str, Make]
    wrong: Mapping[str, Wrong] = field(default_factory=dict)
    channels_last: bool = False
    tokens: int = 0
    trains: bool = True
    scale: float = 3.0
    given: Mapping[str, Any] = field(default_factory=dict)

    def inputs(self) -> np.ndarray:
        """What the net reads, two of them."""
        shape = (2, *self.shape)
        if self.tokens:
            return np.random.default_rng(0).integers(0, self.tokens, shape).astype(np.int32)
        return self.scale * (2 * probe_input(shape) - 1)
