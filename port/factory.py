"""`create_model`: a net by name, genotype file, dict or Genotype, with or without weights."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from port.convert.weights import load_weights
from port.genotype import Genotype
from port.model import TinyVideoNet

# UCF50's; what the published code's own example and the golden figures use.
DEFAULT_CLASSES = 50


def create_model(
    model: str | Path | Mapping[str, Any] | Genotype,
    num_classes: int | None = None,
    weights: str | Path | None = None,
    *,
    num_frames: int | None = None,
    drop_rate: float = 0.5,
    max_pool_predictions: bool = False,
) -> TinyVideoNet:
    """Build a Tiny Video Network.

    Args:
        model: a published name (`list_models()`), a path of a genotype JSON file, a dict, or a
            Genotype.
        num_classes: outputs of the classifier. Without it, what `weights` hold, or 50. Where it
            differs from what `weights` hold, the classifier starts anew.
        weights: a `.safetensors` file that `tvn convert` or training wrote. The net holds them
            exactly: in float64 if any of them is, else in float32.
        num_frames: frames of a clip, where they are to differ from the genotype's.
        drop_rate: dropout of the head, in training.
        max_pool_predictions: the published head that pools over frames by maximum.

    Raises:
        InputError: `model` or `weights` cannot be read, or the weights are those of another net;
            names the one that their header says.
    """
    genotype = Genotype.load(model)
    if num_frames is not None:
        genotype = genotype.with_frames(num_frames)
    if weights is None:
        classes = DEFAULT_CLASSES if num_classes is None else num_classes
        return TinyVideoNet(genotype, classes, drop_rate, max_pool_predictions)
    loaded = load_weights(weights)
    net = loaded.build(genotype, drop_rate, max_pool_predictions)
    if num_classes is not None and num_classes != loaded.num_classes:
        net.reset_classifier(num_classes)
    return net
