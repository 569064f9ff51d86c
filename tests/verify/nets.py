"""A small net with a layer of every kind, quick enough to be verified many times."""

from typing import Any

from port import Genotype
from verify import Subject

_BLOCK: dict[str, Any] = {
    "spatial_type": "std",
    "spatial_kernel": 4,
    "spatial_stride": 2,
    "temporal_type": "1d",
    "temporal_kernel": 3,
    "temporal_stride": 1,
    "filters": 8,
    "expand": 2,
    "repeats": 1,
    "skip": 0,
    "squeeze": 0.0,
    "context_gate": 0,
}

EVERY_LAYER = Genotype.from_dict(
    {
        "num_frames": 4,
        "frame_stride": 2,
        "image_size": 24,
        "blocks": [
            _BLOCK | {"squeeze": 0.5},
            _BLOCK
            | {"spatial_type": "depth", "spatial_kernel": 3, "temporal_type": "avgpool"}
            | {"inv-bottle": 1, "spatial_act": "hswish", "skip": 1, "context_gate": 1},
            _BLOCK
            | {"spatial_type": "avgpool", "spatial_kernel": 3, "spatial_stride": 1}
            | {"temporal_type": "maxpool", "temporal_kernel": 2, "temporal_stride": 2},
            _BLOCK | {"spatial_type": "maxpool", "temporal_type": "1d", "act": "hswish"},
        ],
    }
)

# As the catalogue of faults is tried on it.
EVERY_LAYER_SUBJECT = Subject(EVERY_LAYER, name="every layer", num_classes=7, seed=3, width=19)
