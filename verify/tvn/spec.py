"""Tiny Video Networks as a `PortSpec`: `reference_tf` beside `port`."""

import copy
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from operator import attrgetter
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor, nn

from port.block import Block
from port.convert.names import Row, table
from port.convert.state_dict import to_tf
from port.genotype import Genotype
from port.model import TinyVideoNet
from port.taps import tapped_modules
from verify.numerics.probes import probe_video
from verify.runners.pytorch import StageCall, TorchRunner
from verify.specs.about import About
from verify.specs.spec import PortSpec, Stage
from verify.tvn.original import TensorFlowRunner
from verify.tvn.subject import Subject

VIDEO = "video"


def layers_spec(
    subject: Subject, video: np.ndarray | None = None, remarks: Mapping[str, Any] | None = None
) -> PortSpec:
    """The comparison of a TVN with its original, layer by layer.

    Args:
        subject: the net, its weights, and how it is fed.
        video: clips `[B, T, H, W, 3]` of one's own, in place of seeded ones of the subject's shape.
        remarks: more for the report.
    """
    genotype, net = subject.genotype, subject.port
    if video is None:
        frames = genotype.clip.num_frames
        video = probe_video(subject.batch, frames, *subject.size, subject.seed)
    batch, frames, height, width, _ = video.shape
    leading = (-1,) if genotype.input_streams is None else (batch, -1)
    told = {"genotype": genotype.to_dict(), **subject.remarks, **(remarks or {})}
    return PortSpec(
        name=subject.name,
        stages=_stages(genotype, net.max_pool_predictions),
        original=partial(
            TensorFlowRunner,
            subject.weights,
            **subject.original_options(batch, frames, height, width),
        ),
        port=TvnPort(net, batch),
        inputs={VIDEO: video.reshape(*leading, *video.shape[2:])},
        other_weights=other_weights(subject.weights, net, table(genotype, net.num_classes)),
        about=About(input=video.shape, seed=subject.seed, remarks=told),
    )


def other_weights(
    variables: Mapping[str, np.ndarray], net: TinyVideoNet, rows: Iterable[Row]
) -> dict[str, tuple[str, ...]]:
    """By tap, the variables among `rows` that the port does not hold bit for bit.

    In a type that holds both: float16 in a net of float32 is as exact as it was.
    """
    other = dict[str, tuple[str, ...]]()
    for row in rows:
        try:
            held = attrgetter(row.torch_key)(net)
        except AttributeError:  # a port without the layer
            held = None
        right = variables[row.tf_name]
        if held is None or not _same_bits(to_tf(held, row), right):
            other[row.tap] = (*other.get(row.tap, ()), row.tf_name)
    return other


def _same_bits(one: np.ndarray, other: np.ndarray) -> bool:
    dtype = np.promote_types(one.dtype, other.dtype)
    return one.astype(dtype, copy=False).tobytes() == other.astype(dtype, copy=False).tobytes()


@dataclass(frozen=True)
class TvnPort:
    """Makes runners of a net that is fed `batch` clips; the net itself stays as it is."""

    net: TinyVideoNet
    batch: int

    def __call__(self, precision: str) -> TorchRunner:
        """A runner of a copy."""
        net = copy.deepcopy(self.net).eval()
        return TorchRunner(net, stage_calls(net, self.batch), precision)


def _stages(genotype: Genotype, max_pool_predictions: bool) -> list[Stage]:
    """The streams, every repeat of every block, the head.

    From a net of its own: one that is to be judged may lack a tap.
    """
    with torch.device("meta"):
        net = TinyVideoNet(genotype, 1, max_pool_predictions=max_pool_predictions)
    stages = [Stage("streams", (VIDEO,), tuple(tapped_modules(net.streams)))]
    outputs = list(stages[0].taps)
    for block, repeats in zip(genotype.blocks, net.blocks, strict=True):
        read = outputs[block.inputs[0] if block.inputs else -1]
        for repeat in _repeats(repeats):
            stages.append(Stage(repeat.name, (read,), tuple(tapped_modules(repeat))))
            read = repeat.name
        outputs.append(read)
    return [*stages, Stage("head", (outputs[-1],), tuple(tapped_modules(net.head)))]


def stage_calls(net: TinyVideoNet, batch: int) -> dict[str, StageCall]:
    """How each stage of `net` is run on what it reads."""

    def streams(given: Mapping[str, Tensor]) -> None:
        clips = as_clips(given[VIDEO], net.genotype, batch)
        for stream in net.streams:
            stream(clips)

    def on_only_value(module: Callable[[Tensor], Tensor]) -> StageCall:
        return lambda given: module(*given.values())

    calls: dict[str, StageCall] = {"streams": streams}
    calls |= {
        repeat.name: on_only_value(repeat) for block in net.blocks for repeat in _repeats(block)
    }
    return calls | {"head": on_only_value(lambda x: net.head(net.as_clips(x)))}


def as_clips(video: Tensor, genotype: Genotype, batch: int) -> Tensor:
    """What the original's nets take, channels brought forward, as clips `[B, 3, T, H, W]`."""
    if genotype.input_streams is None:
        return video.unflatten(0, (batch, -1)).transpose(1, 2)
    return video


def _repeats(block: nn.Module) -> list[Block]:
    return cast(list[Block], list(block.children()))
