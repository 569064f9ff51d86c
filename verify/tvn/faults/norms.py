"""Batch norms with other constants, other statistics, or their parts in the wrong place."""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

from port.layers import BatchNorm
from verify.diagnosis.fault import Fault, behaves, is_a, with_values

Right = Callable[[Tensor], Tensor]


def _per_channel(values: Tensor | None) -> Tensor:
    assert values is not None
    return values[:, None, None]


def _batch_statistics(module: BatchNorm, right: Right, x: Tensor) -> Tensor:
    return F.batch_norm(x, None, None, module.weight, module.bias, training=True, eps=module.eps)


def _variance_for_deviation(module: BatchNorm, right: Right, x: Tensor) -> Tensor:
    centred = x - _per_channel(module.running_mean)
    scale = _per_channel(module.weight) / (_per_channel(module.running_var) + module.eps)
    return centred * scale + _per_channel(module.bias)


def _epsilon_outside(module: BatchNorm, right: Right, x: Tensor) -> Tensor:
    centred = x - _per_channel(module.running_mean)
    scale = _per_channel(module.weight) / (_per_channel(module.running_var).sqrt() + module.eps)
    return centred * scale + _per_channel(module.bias)


def _missing(module: BatchNorm, right: Right, x: Tensor) -> Tensor:
    return x


def _statistic(name: str) -> Callable[[BatchNorm], Tensor]:
    return lambda module: module.get_buffer(name).clone()


NORM = is_a(BatchNorm)
FAULTS = (
    Fault("batch-norm epsilon 1e-3", NORM, with_values(eps=lambda _: 1e-3)),
    Fault("batch-norm epsilon 0", NORM, with_values(eps=lambda _: 0.0)),
    Fault("batch-norm epsilon outside the root", NORM, behaves(_epsilon_outside)),
    Fault(
        "gamma and beta swapped",
        NORM,
        with_values(
            weight=lambda module: module.bias.clone(), bias=lambda module: module.weight.clone()
        ),
    ),
    Fault(
        "mean and variance swapped",
        NORM,
        with_values(running_mean=_statistic("running_var"), running_var=_statistic("running_mean")),
    ),
    Fault("batch's own statistics at inference", NORM, behaves(_batch_statistics)),
    Fault("variance taken for deviation", NORM, behaves(_variance_for_deviation)),
    Fault(
        "deviation kept as variance",
        NORM,
        with_values(running_var=lambda module: module.running_var.sqrt()),
    ),
    Fault(
        "gamma left out", NORM, with_values(weight=lambda module: torch.ones_like(module.weight))
    ),
    Fault("beta left out", NORM, with_values(bias=lambda module: torch.zeros_like(module.bias))),
    Fault(
        "mean left out",
        NORM,
        with_values(running_mean=lambda module: torch.zeros_like(module.running_mean)),
    ),
    Fault("batch norm missing", NORM, behaves(_missing)),
)
