"""`create_model`: a net by name, genotype file, dict or Genotype, with or without weights."""

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, Literal, overload

from port.convert.weights import load_weights
from port.errors import InputError
from port.feature_net import FeatureNet
from port.features import Indices
from port.genotype import Genotype
from port.model import COLOURS, TinyVideoNet

# UCF50's; what the published code's own example and the golden figures use.
DEFAULT_CLASSES = 50
AnyGenotype = str | Path | Mapping[str, Any] | Genotype


@overload
def create_model(
    model: AnyGenotype,
    num_classes: int | None = ...,
    weights: str | Path | None = ...,
    *,
    num_frames: int | None = ...,
    drop_rate: float = ...,
    max_pool_predictions: bool = ...,
    global_pool: str = ...,
    in_chans: int = ...,
    features_only: Literal[False] = ...,
) -> TinyVideoNet: ...


@overload
def create_model(
    model: AnyGenotype,
    num_classes: int | None = ...,
    weights: str | Path | None = ...,
    *,
    num_frames: int | None = ...,
    drop_rate: float = ...,
    max_pool_predictions: bool = ...,
    global_pool: str = ...,
    in_chans: int = ...,
    features_only: Literal[True],
    out_indices: Indices = ...,
) -> FeatureNet: ...


def create_model(
    model: AnyGenotype,
    num_classes: int | None = None,
    weights: str | Path | None = None,
    *,
    num_frames: int | None = None,
    drop_rate: float = 0.5,
    max_pool_predictions: bool = False,
    global_pool: str = "avg",
    in_chans: int = COLOURS,
    features_only: bool = False,
    out_indices: Indices = None,
) -> TinyVideoNet | FeatureNet:
    """Build a Tiny Video Network.

    Args:
        model: a published name (`list_models()`), a path of a genotype JSON file, a dict, or a
            Genotype.
        num_classes: outputs of the classifier; 0 for none, so that the net gives features
            `[B, num_features]`. Without it, what `weights` hold, or 50. Where it differs from what
            `weights` hold, the classifier starts anew.
        weights: a `.safetensors` file that `tvn convert` or training wrote. The net holds them
            exactly: in float64 if any of them is, else in float32.
        num_frames: frames of a clip, where they are to differ from the genotype's.
        drop_rate: dropout of the head, in training.
        max_pool_predictions: the published head that pools over frames by maximum.
        global_pool: how the head pools: `avg`, as published; `max`; or `''`, with `num_classes=0`,
            for the feature map `[B, num_features, T', H', W']`.
        in_chans: channels of a clip. What of `weights` reads the three colours is summed up for one
            channel, repeated and scaled for others.
        features_only: give the feature maps of blocks, a list, instead of logits; `.feature_info`
            says what they are.
        out_indices: with `features_only`, of which blocks: all if None, the last ones if it is how
            many; those below 0 count from the end.

    Raises:
        InputError: `model` or `weights` cannot be read, or the weights are those of another net;
            names the one that their header says. Or what is asked for does not go together.
    """
    if out_indices is not None and not features_only:
        raise InputError("out_indices goes with features_only=True")
    genotype = Genotype.load(model)
    if num_frames is not None:
        genotype = genotype.with_frames(num_frames)
    if features_only:
        num_classes, global_pool = 0, ""
    build: Callable[..., TinyVideoNet]
    if weights is None:
        classes = DEFAULT_CLASSES if num_classes is None else num_classes
        build = partial(TinyVideoNet, genotype, classes)
    else:
        build = partial(load_weights(weights).build, genotype)
    first_pool = "avg" if num_classes == 0 else global_pool  # until the classifier is taken away
    net = build(drop_rate, max_pool_predictions, global_pool=first_pool, in_chans=in_chans)
    if num_classes is not None and (num_classes, global_pool) != (net.num_classes, first_pool):
        net.reset_classifier(num_classes, global_pool)
    return FeatureNet(net, out_indices) if features_only else net
