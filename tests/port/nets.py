"""Small nets for tests: every kind of layer, a few pixels and channels."""

from typing import Any

import numpy as np
import torch
from torch import Tensor

from port import Genotype, TinyVideoNet, state_dict_from_tf
from port.convert.names import table
from tests import recipe

_SMALL: dict[str, Any] = {
    "spatial_type": "std",
    "spatial_kernel": 3,
    "spatial_stride": 2,
    "temporal_type": "1d",
    "temporal_kernel": 2,
    "temporal_stride": 1,
    "filters": 4,
    "expand": 2,
    "repeats": 2,
    "skip": 1,
    "squeeze": 0.5,
    "context_gate": 1,
}
SMALL: dict[str, Any] = {
    "num_frames": 4,
    "frame_stride": 2,
    "image_size": 16,
    "blocks": [
        _SMALL,
        {**_SMALL, "spatial_type": "depth", "temporal_type": "maxpool", "temporal_stride": 2},
        {**_SMALL, "spatial_type": "avgpool", "inv-bottle": 1, "act": "hswish"},
    ],
}


def small_genotype() -> Genotype:
    return Genotype.from_dict(SMALL)


def small_net(num_classes: int = 5, **options: Any) -> TinyVideoNet:
    return TinyVideoNet(small_genotype(), num_classes, **options)


def small_variables(num_classes: int = 5, salt: str = "") -> dict[str, np.ndarray]:
    """The small net's TensorFlow variables, by the recipe."""
    rows = table(small_genotype(), num_classes)
    return recipe.weights({row.tf_name: row.tf_shape for row in rows}, salt)


def small_state_dict(num_classes: int = 5, salt: str = "") -> dict[str, Tensor]:
    return state_dict_from_tf(small_variables(num_classes, salt), small_genotype())


def small_clips(batch: int = 2, frames: int = 4) -> Tensor:
    return torch.from_numpy(recipe.video((batch, 3, frames, 16, 16)))
