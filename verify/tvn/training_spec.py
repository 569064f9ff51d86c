"""Tiny Video Networks as a `TrainingSpec`: `reference_tf` beside `port`, batch by batch."""

import copy
from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np
import torch

from port.convert.names import table
from port.convert.state_dict import state_dict_from_tf
from port.errors import InputError
from port.genotype import Genotype
from port.model import COLOURS, TinyVideoNet
from port.weights import Weights
from verify.engine.apart import TrainerApart
from verify.engine.trajectory import TrajectorySpec
from verify.numerics.probes import probe_variables, probe_video
from verify.specs.training_spec import (
    LOGITS,
    LOSS,
    TrainingBatch,
    TrainingRunner,
    TrainingSpec,
    gradient_of,
)
from verify.tvn.optimizers import OptimizerSpec
from verify.tvn.original_training import VIDEO_GRADIENT, TensorFlowTrainer
from verify.tvn.port_training import MakeOptimizer, TorchTrainer

# The published head's.
KEEP_PROBABILITY = 0.5
MOMENTUM = OptimizerSpec(options={"momentum": 0.9})


def tvn_training_spec(
    genotype: Genotype,
    *,
    name: str = "tvn",
    variables: Mapping[str, np.ndarray] | None = None,
    net: TinyVideoNet | None = None,
    num_classes: int = 50,
    batches: int = 3,
    batch: int = 2,
    height: int | None = None,
    width: int | None = None,
    seed: int = 0,
    loss: str = "softmax",
    keep_probability: float = KEEP_PROBABILITY,
    max_pool_predictions: bool = False,
    isolated: bool = False,
    about: Mapping[str, Any] | None = None,
) -> TrainingSpec:
    """The comparison of a TVN with its original in training.

    Args:
        genotype: the net.
        name: what the report is headed with.
        variables: the original's weights by TensorFlow name; seeded ones if None.
        net: the port to judge; built from `variables` if None.
        num_classes: used without `variables`.
        batches: how many steps are compared, each from the same weights. Dropout is off in the
            first, on in all others.
        batch: clips a batch.
        height: of the frames in pixels; the genotype's if None.
        width: likewise.
        seed: of the weights, where they are drawn, and of the batches.
        loss: `softmax`, or `sigmoid` for clips of several labels.
        keep_probability: the original's, where dropout is on.
        max_pool_predictions: which head, where `net` is None.
        isolated: run the original in processes of its own, so that its memory and the port's are
            never needed at once; see `TrainerApart`.
        about: more for the report.

    Raises:
        InputError: the net does not give one row of logits a clip, so there is nothing to train.
    """
    variables, net = _sides(
        genotype, variables, net, num_classes, seed, keep_probability, max_pool_predictions
    )
    size = (height or genotype.clip.image_size, width or genotype.clip.image_size)
    _check_rows(net, batch, size)
    options = _options(net, batch, *size)
    shape = (batch, *size)
    first = training_batch(net, shape, seed, loss)
    others = [
        training_batch(net, shape, seed + index, loss, keep_probability)
        for index in range(1, batches)
    ]
    return TrainingSpec(
        name=name,
        values=value_names(net),
        original=partial(_original, variables, loss, options, isolated),
        port=partial(TorchTrainer, net, loss=loss),
        batches=[first, *others],
        input_gradient=VIDEO_GRADIENT,
        about={
            "input": list(first.clips.shape),
            "batches": batches,
            "loss": loss,
            "keep_probability": keep_probability,
            "seed": seed,
            "genotype": genotype.to_dict(),
        }
        | dict(about or {}),
    )


def tvn_trajectory_spec(
    genotype: Genotype,
    *,
    name: str = "tvn",
    optimizer: OptimizerSpec = MOMENTUM,
    steps: int = 20,
    net: TinyVideoNet | None = None,
    num_classes: int = 50,
    batch: int = 2,
    height: int | None = None,
    width: int | None = None,
    seed: int = 0,
    loss: str = "softmax",
    keep_probability: float = KEEP_PROBABILITY,
    make_optimizer: MakeOptimizer | None = None,
) -> TrajectorySpec:
    """Several steps of a TVN and its original, from seeded weights, a new batch each step.

    Args:
        genotype: the net.
        name: what the report is headed with.
        optimizer: of both sides.
        steps: how many.
        net: the port to judge; it starts from the same weights.
        num_classes: outputs.
        batch: clips a batch.
        height: of the frames in pixels; the genotype's if None.
        width: likewise.
        seed: of the weights and the batches.
        loss: `softmax` or `sigmoid`.
        keep_probability: of dropout.
        make_optimizer: the port's, where it is to be judged itself.
    """
    variables, net = _sides(genotype, None, net, num_classes, seed, keep_probability, False)
    size = (height or genotype.clip.image_size, width or genotype.clip.image_size)
    options = _options(net, batch, *size)

    def original(precision: str, start: Mapping[str, np.ndarray]) -> TensorFlowTrainer:
        return TensorFlowTrainer(
            start, precision, loss=loss, optimizer=optimizer.original(), **options
        )

    def port(precision: str, start: Mapping[str, np.ndarray]) -> TorchTrainer:
        started = copy.deepcopy(net)
        started.load_state_dict(state_dict_from_tf(start, genotype))
        made = make_optimizer or optimizer.port
        return TorchTrainer(started, precision, loss=loss, optimizer=made)

    return TrajectorySpec(
        name=name,
        original=original,
        port=port,
        variables=variables,
        batches=[
            training_batch(net, (batch, *size), seed + step, loss, keep_probability)
            for step in range(steps)
        ],
    )


def _sides(
    genotype: Genotype,
    variables: Mapping[str, np.ndarray] | None,
    net: TinyVideoNet | None,
    num_classes: int,
    seed: int,
    keep_probability: float,
    max_pool_predictions: bool,
) -> tuple[Mapping[str, np.ndarray], TinyVideoNet]:
    """The original's weights and the port, made where they are not given."""
    if variables is None:
        rows = table(genotype, num_classes)
        variables = probe_variables({row.tf_name: row.tf_shape for row in rows}, seed)
    if net is None:
        weights = Weights(genotype, state_dict_from_tf(variables, genotype))
        net = weights.build(
            drop_rate=1 - keep_probability, max_pool_predictions=max_pool_predictions
        )
    return variables, net


def _check_rows(net: TinyVideoNet, batch: int, size: tuple[int, int]) -> None:
    """Streams of different lengths may end in more or fewer rows than clips went in.

    Asked of a net of its own: one that is to be judged may refuse, which the report has to say.
    """
    with torch.device("meta"), torch.no_grad():
        own = TinyVideoNet(net.genotype, 1, max_pool_predictions=net.max_pool_predictions).eval()
        rows = len(own(torch.empty(batch, COLOURS, net.genotype.clip.num_frames, *size)))
    if rows != batch:
        raise InputError(f"{batch} clips give {rows} rows of logits: this net cannot be trained")


def _options(net: TinyVideoNet, batch: int, height: int, width: int) -> dict[str, Any]:
    """What `reference_tf.Original` is to be built with, beside `net`."""
    return {
        "genotype": net.genotype.to_json(),
        "num_classes": net.num_classes,
        "batch": batch,
        "frames": net.genotype.clip.num_frames,
        "height": height,
        "width": width,
        "max_pool_predictions": net.max_pool_predictions,
    }


def _original(
    variables: Mapping[str, np.ndarray],
    loss: str,
    options: Mapping[str, Any],
    isolated: bool,
    precision: str,
) -> TrainingRunner:
    make = partial(TensorFlowTrainer, variables, precision, loss=loss, **options)
    return TrainerApart(make) if isolated else make()


def value_names(net: TinyVideoNet) -> list[str]:
    """Everything that a step computes: forward, then backward from the loss."""
    rows = table(net.genotype, net.num_classes)
    moving = [row.tf_name for row in rows if not row.trainable]
    trained = [gradient_of(row.tf_name) for row in rows if row.trainable]
    return [*moving, LOGITS, LOSS, *reversed(trained), VIDEO_GRADIENT]


def training_batch(
    net: TinyVideoNet,
    shape: tuple[int, int, int],
    seed: int,
    loss: str,
    keep_probability: float = 1.0,
) -> TrainingBatch:
    """A seeded batch of `shape` (clips, height, width); without dropout where all are kept."""
    batch, height, width = shape
    draw = np.random.default_rng((seed, batch, height, width, net.num_classes))
    clips = probe_video(batch, net.genotype.clip.num_frames, height, width, seed)
    if loss == "softmax":
        labels = draw.integers(net.num_classes, size=batch)
    else:
        labels = draw.integers(2, size=(batch, net.num_classes)).astype(np.float32)
    if keep_probability == 1:
        return TrainingBatch(clips, labels)
    frames = (net.out_frames,) if net.max_pool_predictions else ()
    kept = draw.random((batch, *frames, net.num_features)) < keep_probability
    return TrainingBatch(clips, labels, kept, keep_probability)
