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
from port.convert.state_dict import state_dict_from_tf, to_tf
from port.genotype import Genotype
from port.model import TinyVideoNet
from port.taps import tapped_modules
from port.weights import Weights
from verify.numerics.probes import probe_variables, probe_video
from verify.runners.pytorch import StageCall, TorchRunner
from verify.specs.spec import PortSpec, Stage
from verify.tvn.original import TensorFlowRunner

VIDEO = "video"


def tvn_spec(
    genotype: Genotype,
    *,
    name: str = "tvn",
    variables: Mapping[str, np.ndarray] | None = None,
    net: TinyVideoNet | None = None,
    num_classes: int = 50,
    batch: int = 2,
    height: int | None = None,
    width: int | None = None,
    seed: int = 0,
    video: np.ndarray | None = None,
    max_pool_predictions: bool = False,
    about: Mapping[str, Any] | None = None,
) -> PortSpec:
    """The comparison of a TVN with its original.

    Args:
        genotype: the net.
        name: what the report is headed with.
        variables: the original's weights by TensorFlow name; seeded ones that suit a comparison
            if None.
        net: the port to judge; built from `variables` if None.
        num_classes: used without `variables`.
        batch: clips; at least 2 show whether clips get mixed.
        height: of the frames in pixels; the genotype's if None.
        width: likewise.
        seed: of the weights, where they are drawn, and of the clips.
        video: clips `[B, T, H, W, 3]` of one's own, in place of seeded ones.
        max_pool_predictions: which head, where `net` is None.
        about: more for the report.
    """
    clip = genotype.clip
    if variables is None:
        rows = table(genotype, num_classes)
        variables = probe_variables({row.tf_name: row.tf_shape for row in rows}, seed)
    if net is None:
        weights = Weights(genotype, state_dict_from_tf(variables, genotype))
        net = weights.build(max_pool_predictions=max_pool_predictions)
    if video is None:
        height, width = height or clip.image_size, width or clip.image_size
        video = probe_video(batch, clip.num_frames, height, width, seed)
    batch, frames, height, width, _ = video.shape
    options: dict[str, Any] = {
        "genotype": genotype.to_json(),
        "num_classes": net.num_classes,
        "batch": batch,
        "frames": frames,
        "height": height,
        "width": width,
        "max_pool_predictions": net.max_pool_predictions,
    }
    leading = (-1,) if genotype.input_streams is None else (batch, -1)
    return PortSpec(
        name=name,
        stages=_stages(genotype, net.max_pool_predictions),
        original=partial(TensorFlowRunner, variables, **options),
        port=TvnPort(net, batch),
        inputs={VIDEO: video.reshape(*leading, *video.shape[2:])},
        other_weights=other_weights(variables, net, table(genotype, net.num_classes)),
        about={"input": list(video.shape), "seed": seed, "genotype": genotype.to_dict()}
        | dict(about or {}),
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
