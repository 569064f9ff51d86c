"""The port in other forms: each variant is the same comparison of something made from the port.

A variant is judged like the port, against the same original, by the same two verdicts.
"""

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from port.errors import InputError
from port.export import INPUT, to_onnx, value_names
from port.fold import fold_batch_norms
from port.model import TinyVideoNet
from port.optimize.kernel.build import load_kernel
from port.optimize.optimize import optimize, rewrite
from port.taps import tapped_modules
from verify.runners.program import ProgramRunner
from verify.runners.pytorch import TorchRunner, from_nhwc
from verify.specs.about import About
from verify.specs.spec import PortRunner, PortSpec, Stage
from verify.tvn.spec import VIDEO, TvnPort, as_clips, stage_calls

if TYPE_CHECKING:
    from verify.runners.onnx.runner import OnnxRunner

FLOAT64_NOTE = (
    "Conv, AveragePool and Resize, of which ONNX Runtime has no float64 kernel, and "
    "BatchNormalization, whose epsilon ONNX keeps in float32, are written out in float64 by "
    "their definition from operators that it has; float32 runs them as they are"
)


@dataclass(frozen=True)
class VariantPort:
    """Makes runners of a changed copy of a net.

    Args:
        net: the port; stays as it is.
        batch: clips that it is fed.
        change: gets a copy, already in the precision that is to run.
        runner: what runs the result.
    """

    net: TinyVideoNet
    batch: int
    change: Callable[[TinyVideoNet], TinyVideoNet] = lambda net: net
    runner: Callable[..., PortRunner] = TorchRunner

    def __call__(self, precision: str) -> PortRunner:
        """A runner of the changed copy."""
        net = copy.deepcopy(self.net).eval().to(getattr(torch, precision))
        net = self.change(net)
        return self.runner(net, stage_calls(net, self.batch), precision)


def variant(name: str, spec: PortSpec) -> PortSpec:
    """The comparison of `spec`'s port as the variant `name`.

    Raises:
        InputError: there is no such variant, or what it needs is not installed.
    """
    if name not in VARIANTS:
        raise InputError(f"no variant {name!r}; there are {', '.join(VARIANTS)}")
    assert isinstance(spec.port, TvnPort)
    return VARIANTS[name](replace(spec, name=f"{spec.name} ({name})"), spec.port)


def _channels_last(spec: PortSpec, port: TvnPort) -> PortSpec:
    layout = torch.channels_last
    change = lambda net: net.to(memory_format=layout)  # noqa: E731
    runner = partial(TorchRunner, memory_format=layout)
    return replace(spec, port=VariantPort(port.net, port.batch, change, runner))


def _folded(spec: PortSpec, port: TvnPort) -> PortSpec:
    gone = tapped_modules(port.net).keys() - tapped_modules(fold_batch_norms(port.net)).keys()
    note = f"{len(gone)} convolutions are one with the batch norm behind them, whose tap stands"
    return replace(
        _without(spec, gone),
        port=VariantPort(port.net, port.batch, fold_batch_norms),
        about=_remarked(spec, {"folded": note, "taps gone": sorted(gone)}),
    )


def _optimized(spec: PortSpec, port: TvnPort) -> PortSpec:
    """What `port.optimize` makes: in float64 by PyTorch's products, in float32 as it is used."""
    gone = tapped_modules(port.net).keys() - tapped_modules(rewrite(port.net)).keys()
    units = "the processor's bfloat16 units, in parts" if load_kernel() else "PyTorch"
    notes = {
        "optimized": f"{len(gone)} layers are one with others; float32 is multiplied by {units}",
        "taps gone": sorted(gone),
    }
    runner = partial(TorchRunner, memory_format=torch.channels_last)
    return replace(
        _without(spec, gone),
        port=VariantPort(port.net, port.batch, optimize, runner),
        about=_remarked(spec, notes),
    )


def _exported(spec: PortSpec, port: TvnPort) -> PortSpec:
    return replace(spec, port=VariantPort(port.net, port.batch, runner=ProgramRunner))


def _compiled(spec: PortSpec, port: TvnPort) -> PortSpec:
    runner = partial(ProgramRunner, prepare=torch.compile)
    note = "not isolated: what is compiled into one kernel has no layers to run one by one"
    return replace(
        spec,
        port=VariantPort(port.net, port.batch, runner=runner),
        isolates=False,
        about=_remarked(spec, {"compiled": note}),
    )


def _onnx(spec: PortSpec, port: TvnPort) -> PortSpec:
    """The graph that `tvn export` writes."""
    make = partial(_onnx_runner, port, dict(spec.inputs))
    return replace(spec, port=make, about=_remarked(spec, {"float64": FLOAT64_NOTE}))


def _onnx_whole(spec: PortSpec, port: TvnPort) -> PortSpec:
    """The same graph in one run, with all that ONNX Runtime fuses: its logits alone."""
    whole = Stage("whole", (VIDEO,), spec.stages[-1].taps[-1:])
    note = "not isolated: the whole graph in one run, fused as ONNX Runtime likes, at its logits"
    return replace(
        _onnx(spec, port),
        stages=[whole],
        isolates=False,
        about=_remarked(spec, {"float64": FLOAT64_NOTE, "whole": note}),
    )


def _onnx_runner(port: TvnPort, inputs: Mapping[str, np.ndarray], precision: str) -> "OnnxRunner":
    net = copy.deepcopy(port.net).to(getattr(torch, precision))
    video = as_clips(from_nhwc(inputs[VIDEO]), net.genotype, port.batch)
    model = to_onnx(net, height=video.shape[-2], width=video.shape[-1])  # checks for onnx
    from verify.runners.onnx.runner import OnnxRunner

    return OnnxRunner(model, value_names(net), {INPUT: video.contiguous().numpy()}, precision)


def _remarked(spec: PortSpec, remarks: Mapping[str, Any]) -> About:
    return replace(spec.about, remarks={**spec.about.remarks, **remarks})


def _without(spec: PortSpec, gone: Any) -> PortSpec:
    stages = [
        replace(stage, taps=tuple(tap for tap in stage.taps if tap not in gone))
        for stage in spec.stages
    ]
    return replace(spec, stages=stages)


VARIANTS: dict[str, Callable[[PortSpec, TvnPort], PortSpec]] = {
    "onnx": _onnx,
    "onnx_whole": _onnx_whole,
    "channels_last": _channels_last,
    "folded": _folded,
    "optimized": _optimized,
    "exported": _exported,
    "compiled": _compiled,
}
