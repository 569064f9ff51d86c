"""What is verified: a Tiny Video Network and its original, whatever they are compared on."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from port.convert.names import table
from port.convert.state_dict import state_dict_from_tf
from port.convert.weights import Weights
from port.cost import count
from port.genotype import Genotype
from port.model import TinyVideoNet
from verify.numerics.probes import probe_variables

# The published head's.
KEEP_PROBABILITY = 0.5
# Above this many multiply-adds a clip, a training step takes minutes and gigabytes in float64: two
# are compared, all comparisons of layers run in one other process, and the original's steps of each
# precision in one of their own.
HEAVY = 20e9


@dataclass(frozen=True)
class Subject:
    """A net with its weights, and how it is fed.

    Args:
        genotype: the net.
        name: what reports are headed with.
        variables: the original's weights by TensorFlow name; seeded ones that suit a comparison if
            None.
        net: the port to judge; built from the original's weights if None.
        num_classes: outputs, where the weights are seeded.
        max_pool_predictions: which head, where `net` is None.
        seed: of the clips, and of the weights where they are drawn.
        batch: clips; at least 2 show whether clips get mixed.
        height: of the frames in pixels; the genotype's if None.
        width: likewise.
        loss: of training: `softmax`, or `sigmoid` for clips of several labels.
        keep_probability: the original's, where dropout is on.
        remarks: more for the report.
    """

    genotype: Genotype
    name: str = "tvn"
    variables: Mapping[str, np.ndarray] | None = None
    net: TinyVideoNet | None = None
    num_classes: int = 50
    max_pool_predictions: bool = False
    seed: int = 0
    batch: int = 2
    height: int | None = None
    width: int | None = None
    loss: str = "softmax"
    keep_probability: float = KEEP_PROBABILITY
    remarks: Mapping[str, Any] = field(default_factory=dict)

    @cached_property
    def weights(self) -> Mapping[str, np.ndarray]:
        """The original's weights by TensorFlow name."""
        if self.variables is not None:
            return self.variables
        return seed_variables(self.genotype, self.num_classes, self.seed)

    @cached_property
    def port(self) -> TinyVideoNet:
        """The port to judge."""
        if self.net is not None:
            return self.net
        return build_port(
            self.genotype, self.weights, self.max_pool_predictions, 1 - self.keep_probability
        )

    def build_right_port(self) -> TinyVideoNet:
        """A port with the original's weights and the judged one's head."""
        return build_port(self.genotype, self.weights, self.port.max_pool_predictions)

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of the frames in pixels."""
        own = self.genotype.clip.image_size
        return self.height or own, self.width or own

    @property
    def is_heavy(self) -> bool:
        """Whether comparing it takes more memory than one process should keep."""
        return count(self.genotype, self.port.num_classes).multiply_adds > HEAVY

    def original_options(self, batch: int, frames: int, height: int, width: int) -> dict[str, Any]:
        """What `reference_tf.Original` is built with, for clips of this shape."""
        return {
            "genotype": self.genotype.to_json(),
            "num_classes": self.port.num_classes,
            "batch": batch,
            "frames": frames,
            "height": height,
            "width": width,
            "max_pool_predictions": self.port.max_pool_predictions,
        }


def seed_variables(genotype: Genotype, num_classes: int, seed: int) -> dict[str, np.ndarray]:
    """Weights that suit a comparison, where there are none to be verified."""
    shapes = {row.tf_name: row.tf_shape for row in table(genotype, num_classes)}
    return probe_variables(shapes, seed)


def build_port(
    genotype: Genotype,
    variables: Mapping[str, np.ndarray],
    max_pool_predictions: bool,
    drop_rate: float = 1 - KEEP_PROBABILITY,
) -> TinyVideoNet:
    """The port with the original's weights."""
    weights = Weights(genotype, state_dict_from_tf(variables, genotype))
    return weights.build(drop_rate=drop_rate, max_pool_predictions=max_pool_predictions)
