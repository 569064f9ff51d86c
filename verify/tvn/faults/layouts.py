"""Kernels whose axes were mixed up on the way from TensorFlow."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from port.layers import BatchNorm, Conv2d, DepthwiseConv2d
from verify.diagnosis.fault import Fault, Site, is_a, with_values

Change = Callable[[nn.Module], Tensor]


def _weight(module: nn.Module) -> Tensor:
    return module.get_parameter("weight").detach()


def _swapped(first: int, second: int) -> Change:
    return lambda module: _weight(module).transpose(first, second).clone()


def _flipped(module: nn.Module) -> Tensor:
    return _weight(module).flip(2, 3)


def _rolled(module: nn.Module) -> Tensor:
    return _weight(module).roll(1, 0)


def _misread_kernel(module: nn.Module) -> Tensor:
    """TensorFlow's HWIO in memory, taken for OIHW."""
    weight = _weight(module)
    return weight.permute(2, 3, 1, 0).reshape(weight.shape)


def _misread_depthwise(module: nn.Module) -> Tensor:
    weight = _weight(module)
    return weight.permute(2, 3, 0, 1).reshape(weight.shape)


def _misread_dense(module: nn.Module) -> Tensor:
    weight = _weight(module)
    return weight.T.reshape(weight.shape)


def _fault(name: str, kinds: tuple[type[nn.Module], ...], change: Change) -> Fault:
    def applies(site: Site) -> bool:
        if not is_a(*kinds)(site):
            return False
        weight, wrong = _weight(site.module), change(site.module)
        return weight.shape == wrong.shape and not torch.equal(weight, wrong)

    return Fault(name, applies, with_values(weight=change))


def _misread(name: str, kind: type[nn.Module], change: Change) -> Fault:
    """Where that is not the same as inputs and outputs swapped, as in a square 1x1 kernel."""

    def applies(site: Site) -> bool:
        if not isinstance(site.module, kind):
            return False
        weight, wrong = _weight(site.module), change(site.module)
        square = weight.shape[0] == weight.shape[1]
        swapped = square and torch.equal(wrong, weight.transpose(0, 1))
        return not swapped and not torch.equal(weight, wrong)

    return Fault(name, applies, with_values(weight=change))


FAULTS = (
    _fault("kernel transposed", (Conv2d,), _swapped(2, 3)),
    _fault("depthwise kernel transposed", (DepthwiseConv2d,), _swapped(2, 3)),
    _fault("kernel flipped", (Conv2d,), _flipped),
    _fault("depthwise kernel flipped", (DepthwiseConv2d,), _flipped),
    _fault("kernel's inputs and outputs swapped", (Conv2d,), _swapped(0, 1)),
    _misread("kernel read in TensorFlow's order", Conv2d, _misread_kernel),
    _misread("depthwise kernel read in TensorFlow's order", DepthwiseConv2d, _misread_depthwise),
    _fault("dense kernel transposed", (nn.Linear,), _swapped(0, 1)),
    _misread("dense kernel read in TensorFlow's order", nn.Linear, _misread_dense),
    _fault("depthwise channels rolled", (DepthwiseConv2d,), _rolled),
    _fault("output channels rolled", (Conv2d, nn.Linear), _rolled),
    _fault("norm's channels rolled", (BatchNorm,), _rolled),
)
