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
from port.model import COLOURS, TinyVideoNet
from verify.engine.apart import TrainerApart
from verify.numerics.probes import probe_video
from verify.specs.about import About
from verify.specs.training_spec import (
    LOGITS,
    LOSS,
    TrainingBatch,
    TrainingRunner,
    TrainingSpec,
    gradient_of,
)
from verify.specs.trajectory_spec import TrajectorySpec
from verify.tvn.optimizers import OptimizerSpec
from verify.tvn.original_training import VIDEO_GRADIENT, TensorFlowTrainer
from verify.tvn.port_training import MakeOptimizer, TorchTrainer
from verify.tvn.subject import Subject

MOMENTUM = OptimizerSpec(options={"momentum": 0.9})


def tvn_training_spec(subject: Subject, *, batches: int = 3, apart: bool = False) -> TrainingSpec:
    """The comparison of a TVN with its original in training.

    Args:
        subject: the net, its weights, and how it is fed.
        batches: how many steps are compared, each from the same weights. Dropout is off in the
            first, on in all others.
        apart: run the original in processes of its own, so that its memory and the port's are
            never needed at once; see `TrainerApart`.

    Raises:
        InputError: the net does not give one row of logits a clip, so there is nothing to train.
    """
    net = subject.port
    _check_rows(net, subject.batch, subject.size)
    shape = (subject.batch, *subject.size)
    first = training_batch(net, shape, subject.seed, subject.loss)
    others = [
        training_batch(net, shape, subject.seed + index, subject.loss, subject.keep_probability)
        for index in range(1, batches)
    ]
    remarks = {
        "batches": batches,
        "loss": subject.loss,
        "keep_probability": subject.keep_probability,
        "genotype": subject.genotype.to_dict(),
    }
    return TrainingSpec(
        name=subject.name,
        values=value_names(net),
        original=partial(_original, subject.weights, subject.loss, _options(subject), apart),
        port=partial(TorchTrainer, net, loss=subject.loss),
        batches=[first, *others],
        input_gradient=VIDEO_GRADIENT,
        about=About(input=first.clips.shape, seed=subject.seed, remarks=remarks),
    )


def tvn_trajectory_spec(
    subject: Subject,
    *,
    optimizer: OptimizerSpec = MOMENTUM,
    steps: int = 20,
    make_optimizer: MakeOptimizer | None = None,
) -> TrajectorySpec:
    """Several steps of a TVN and its original, from the original's weights, a new batch each step.

    Args:
        subject: the net and how it is fed; the port to judge starts from the same weights.
        optimizer: of both sides.
        steps: how many.
        make_optimizer: the port's, where it is to be judged itself.
    """
    net, shape, options = subject.port, (subject.batch, *subject.size), _options(subject)

    def original(precision: str, start: Mapping[str, np.ndarray]) -> TensorFlowTrainer:
        return TensorFlowTrainer(
            start, precision, loss=subject.loss, optimizer=optimizer.original(), **options
        )

    def port(precision: str, start: Mapping[str, np.ndarray]) -> TorchTrainer:
        started = copy.deepcopy(net)
        started.load_state_dict(state_dict_from_tf(start, subject.genotype))
        made = make_optimizer or optimizer.port
        return TorchTrainer(started, precision, loss=subject.loss, optimizer=made)

    return TrajectorySpec(
        name=subject.name,
        original=original,
        port=port,
        variables=subject.weights,
        batches=[
            training_batch(net, shape, subject.seed + step, subject.loss, subject.keep_probability)
            for step in range(steps)
        ],
    )


def _check_rows(net: TinyVideoNet, batch: int, size: tuple[int, int]) -> None:
    """Streams of different lengths may end in more or fewer rows than clips went in.

    Asked of a net of its own: one that is to be judged may refuse, which the report has to say.
    """
    with torch.device("meta"), torch.no_grad():
        own = TinyVideoNet(net.genotype, 1, max_pool_predictions=net.max_pool_predictions).eval()
        rows = len(own(torch.empty(batch, COLOURS, net.genotype.clip.num_frames, *size)))
    if rows != batch:
        raise InputError(f"{batch} clips give {rows} rows of logits: this net cannot be trained")


def _options(subject: Subject) -> dict[str, Any]:
    frames = subject.genotype.clip.num_frames
    return subject.original_options(subject.batch, frames, *subject.size)


def _original(
    variables: Mapping[str, np.ndarray],
    loss: str,
    options: Mapping[str, Any],
    apart: bool,
    precision: str,
) -> TrainingRunner:
    make = partial(TensorFlowTrainer, variables, precision, loss=loss, **options)
    return TrainerApart(make) if apart else make()


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
