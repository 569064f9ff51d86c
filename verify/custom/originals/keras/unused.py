"""What inference does not use of a Keras model: noise and penalties, which training alone has."""

from collections.abc import Mapping
from typing import Any

RATES = ("rate", "stddev", "dropout", "recurrent_dropout")
NOISE = ("Dropout", "Noise")


def unused_in_inference(layers: Mapping[str, Any]) -> dict[str, list[str]]:
    """By kind, the layers."""
    noisy = [path for path, layer in layers.items() if _is_noisy(layer)]
    penalised = [
        path
        for path, layer in layers.items()
        if any(v is not None for n, v in vars(layer).items() if n.endswith("_regularizer"))
    ]
    found = {"dropout and noise": noisy, "penalties": penalised}
    return {kind: paths for kind, paths in found.items() if paths}


def _is_noisy(layer: Any) -> bool:
    rates = [getattr(layer, name, 0) for name in RATES]
    makes_noise = any(word in type(layer).__name__ for word in NOISE)
    drops = makes_noise or hasattr(layer, "recurrent_dropout") or hasattr(layer, "_dropout")
    return drops and any(isinstance(rate, int | float) and rate > 0 for rate in rates)
