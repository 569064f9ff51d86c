"""Mistakes in training that inference cannot show, to be planted one at a time."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from port.block import Add
from port.layers import (
    BatchNorm,
    ClipScale,
    Conv2d,
    DepthwiseConv2d,
    InputStream,
    SpatialPool,
)
from port.layers.activation import HardSwish
from port.tf_semantics import pad_same
from verify.diagnosis.fault import Applies, Fault, Site, behaves, is_a, trained, with_values


@dataclass(frozen=True, slots=True)
class TrainingFault(Fault):
    """A mistake that is planted in any module."""

    def places(self, net: nn.Module) -> Mapping[str, nn.Module]:
        """All of its modules, by their paths: what has no tap computes in training too."""
        return dict(net.named_modules())


Right = Callable[..., Tensor]
CHANNEL_AXES = (0, 2, 3)


def _biased_variance(module: BatchNorm, right: Right, x: Tensor) -> Tensor:
    assert module.running_var is not None and module.momentum is not None
    before = module.running_var.clone()
    y = right(x)
    if module.training:
        biased = x.detach().var(CHANNEL_AXES, correction=0)
        # Past the version count: else the backward pass, which does not read it, would refuse.
        module.running_var.data.copy_(before + (biased - before) * module.momentum)
    return y


def _updated_twice(module: BatchNorm, right: Right, x: Tensor) -> Tensor:
    right(x.detach())
    return right(x)


def _as_at_inference(module: BatchNorm, right: Right, x: Tensor) -> Tensor:
    mean, variance = module.running_mean, module.running_var
    return F.batch_norm(x, mean, variance, module.weight, module.bias, eps=module.eps)


def _normalised_with(module: BatchNorm, x: Tensor, mean: Tensor, variance: Tensor) -> Tensor:
    scale = module.weight / (variance + module.eps).sqrt()
    return (x - mean[:, None, None]) * scale[:, None, None] + module.bias[:, None, None]


def _unbiased_to_normalise(module: BatchNorm, right: Right, x: Tensor) -> Tensor:
    right(x.detach())
    if not module.training:
        return right(x)
    return _normalised_with(module, x, x.mean(CHANNEL_AXES), x.var(CHANNEL_AXES))


def _detached_statistics(module: BatchNorm, right: Right, x: Tensor) -> Tensor:
    if not module.training:
        return right(x)
    fixed = x.detach()
    mean, variance = fixed.mean(CHANNEL_AXES), fixed.var(CHANNEL_AXES, correction=0)
    return _with_gradient_of(_normalised_with(module, x, mean, variance), right(fixed))


def _gradient_into_padding(module: SpatialPool, right: Right, x: Tensor) -> Tensor:
    """The right averages, with the gradient of those that count padding."""
    padded = pad_same(x, module.kernel, module.stride)
    return _with_gradient_of(F.avg_pool2d(padded, module.kernel, module.stride), right(x))


def _gradient_to_all_ties(module: SpatialPool, right: Right, x: Tensor) -> Tensor:
    """The right maxima; where several are largest, each gets the gradient that is one's."""
    padded = pad_same(x, module.kernel, module.stride, value=-torch.inf)
    width = module.kernel[0] * module.kernel[1]
    windows = padded.unfold(2, module.kernel[0], module.stride[0])
    windows = windows.unfold(3, module.kernel[1], module.stride[1])
    windows = windows.reshape(*windows.shape[:4], width)
    y = right(x)
    largest = windows == y[..., None]
    # Where one alone is largest, not a bit of its gradient changes.
    others = torch.where(largest, windows, 0).sum(-1) - y
    more = torch.where(largest.sum(-1) > 1, others, 0)
    return y + (more - more.detach())


def _detached_gate(module: ClipScale, right: Right, x: Tensor, gate: Tensor) -> Tensor:
    return right(x, gate.detach())


def _detached_skip(module: Add, right: Right, skip: Tensor, y: Tensor) -> Tensor:
    return right(skip.detach(), y)


def _straight_through(module: nn.Module, right: Right, x: Tensor) -> Tensor:
    """Right values, with the gradient of what does nothing."""
    return _with_gradient_of(x, right(x))


def _swish_gradient(module: nn.Module, right: Right, x: Tensor) -> Tensor:
    return _with_gradient_of(F.silu(x), right(x))


def _gradient_not_stopped(module: InputStream, right: Right, clip: Tensor) -> Tensor:
    frames = clip[:, :, : module.num_frames].transpose(1, 2).flatten(0, 1)
    if module.size is None or frames.shape[-2] == module.size:
        return frames
    return F.interpolate(frames, (module.size, module.size), mode="bilinear")


def _with_gradient_of(wrong: Tensor, right: Tensor) -> Tensor:
    return right.detach() + (wrong - wrong.detach())


def _pools(kind: str) -> Applies:
    def applies(site: Site) -> bool:
        pool = site.module
        return isinstance(pool, SpatialPool) and pool.kind == kind and pool.kernel[0] > 1

    return applies


def _stops_gradient(site: Site) -> bool:
    return isinstance(site.module, InputStream) and site.module.size is not None


NORM, WITH_KERNEL = is_a(BatchNorm), is_a(Conv2d, DepthwiseConv2d, nn.Linear)
FAULTS = (
    TrainingFault("batch-norm momentum 0.9", NORM, with_values(momentum=lambda _: 0.9)),
    TrainingFault("biased moving variance", NORM, behaves(_biased_variance)),
    TrainingFault("statistics updated twice", NORM, behaves(_updated_twice)),
    TrainingFault("statistics not updated", NORM, with_values(momentum=lambda _: 0.0)),
    TrainingFault("moving statistics in training", NORM, behaves(_as_at_inference)),
    TrainingFault("unbiased variance to normalise", NORM, behaves(_unbiased_to_normalise)),
    TrainingFault("statistics without gradient", NORM, behaves(_detached_statistics)),
    TrainingFault(
        "keep probability for drop probability",
        is_a(nn.Dropout),
        with_values(p=lambda module: 1 - module.p),
    ),
    TrainingFault(
        "averages' gradient into padding", _pools("avgpool"), behaves(_gradient_into_padding)
    ),
    TrainingFault(
        "maxima's gradient to all ties", _pools("maxpool"), behaves(_gradient_to_all_ties)
    ),
    TrainingFault("frozen gamma", NORM, trained("weight", False)),
    TrainingFault("frozen beta", NORM, trained("bias", False)),
    TrainingFault("frozen kernel", WITH_KERNEL, trained("weight", False)),
    TrainingFault("detached gate", is_a(ClipScale), behaves(_detached_gate)),
    TrainingFault("detached skip", is_a(Add), behaves(_detached_skip)),
    TrainingFault("ReLU's gradient left out", is_a(nn.ReLU), behaves(_straight_through)),
    TrainingFault("gradient of swish in hard-swish", is_a(HardSwish), behaves(_swish_gradient)),
    TrainingFault("stream's gradient not stopped", _stops_gradient, behaves(_gradient_not_stopped)),
)
