"""What a run starts from: the net, its weights, and what is known of them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import nn

from port.certificate import check_certificate, file_digest
from port.convert.weights import Weights, load_weights
from port.errors import InputError
from port.genotype import Genotype
from port.model import TinyVideoNet
from port.which_net import has_layers_of
from train.config import Config

# A net small enough for a CPU; not a published one.
SMALL = Path(__file__).with_name("small.json")


@dataclass(frozen=True)
class Start:
    """A net to train, and where it came from, for the run's record."""

    net: TinyVideoNet
    origin: dict[str, Any]


def start(
    config: Config,
    class_names: Sequence[str],
    weights: Path | None = None,
    allow_unverified: bool = False,
) -> Start:
    """Build the net.

    The classifier of `weights` stays where it is for the same classes. A new one on top of trained
    features starts at zero: every class is equally likely, whatever the size of the features.

    Args:
        config: of the run.
        class_names: of the data set.
        weights: a weights file to start from; without it the net starts from scratch.
        allow_unverified: start from weights that `tvn verify` has not passed.

    Raises:
        InputError: weights that are not verified or do not fit the configuration.
    """
    loaded = load_weights(weights) if weights else None
    genotype = with_clip(genotype_of(config, loaded), config)
    head = (config.drop_rate, config.max_pool_predictions)
    torch.manual_seed(config.seed)
    if loaded is None or weights is None:
        net = TinyVideoNet(genotype, len(class_names), *head)
        return Start(net, {"weights": None, "classifier": "new", "verification": {
            "verified": False, "reason": "trained from scratch"}})  # fmt: skip
    verification = check_certificate(weights, loaded.genotype, allow_unverified=allow_unverified)
    net = loaded.build(genotype, *head).float()
    same = loaded.about.get("class_names") == list(class_names)
    if not same:
        net.reset_classifier(len(class_names))
        nn.init.zeros_(net.get_parameter("head.dense.weight"))
    origin = {
        "weights": str(weights),
        "weights_sha256": file_digest(weights),
        "classifier": "kept" if same else "new",
        "verification": verification,
    }
    return Start(net, origin)


def genotype_of(config: Config, weights: Weights | None) -> Genotype:
    """The configuration's net, or that of the weights where it names none.

    Raises:
        InputError: there is neither, or they are two nets.
    """
    if not config.model:
        if weights is None:
            raise InputError("--model or --weights must be given; see --help")
        return weights.genotype
    genotype = Genotype.load(SMALL if config.model == "small" else config.model)
    if weights is not None and not has_layers_of(genotype, weights.genotype):
        raise InputError(
            f"--model={config.model}: the weights are those of another net; leave --model out, or "
            "choose the preset of their net"
        )
    return genotype


def with_clip(genotype: Genotype, config: Config) -> Genotype:
    """The net for the clips that the configuration asks for.

    Raises:
        InputError: they are none that it could take, or too large.
    """
    if config.num_frames:
        genotype = genotype.with_frames(config.num_frames)
    changes = {"frame_stride": config.frame_stride, "image_size": config.image_size}
    changes = {name: value for name, value in changes.items() if value}
    if genotype.input_streams is None:
        other = replace(genotype, **changes)  # type: ignore[arg-type]
        return Genotype.from_dict(other.to_dict())  # which checks it
    if "image_size" in changes:
        raise InputError("image_size: the streams of this net have sizes of their own")
    streams = tuple(replace(stream, **changes) for stream in genotype.input_streams)
    return Genotype.from_dict(replace(genotype, input_streams=streams).to_dict())
