"""Activations left out, applied twice or in another place, or taken for another."""

from collections.abc import Callable

from torch import Tensor, nn
from torch.nn import functional as F

from port.block import Add
from port.layers.activation import HardSwish
from port.tf_semantics import HARD_SWISH_SCALE
from verify.diagnosis.fault import Fault, Site, all_of, behaves, is_a
from verify.tvn.faults.blocks import block_of

Right = Callable[..., Tensor]


def _becomes(function: Callable[[Tensor], Tensor]) -> Callable[[nn.Module, Right, Tensor], Tensor]:
    return lambda module, right, x: function(x)


def _twice(module: nn.Module, right: Right, x: Tensor) -> Tensor:
    return right(right(x))


def _before_the_sum(module: Add, right: Right, skip: Tensor, y: Tensor) -> Tensor:
    return right(skip, F.relu(y))


def _uncapped(x: Tensor) -> Tensor:
    return x * F.relu(x + 3) * HARD_SWISH_SCALE


def _exact_sixth(x: Tensor) -> Tensor:
    return x * F.relu6(x + 3) / 6


def _hard_sigmoid_of_keras(x: Tensor) -> Tensor:
    return (0.2 * x + 0.5).clamp(0, 1)


def _same(x: Tensor) -> Tensor:
    return x


def _of_block(site: Site) -> nn.Module:
    block = block_of(site)
    assert block is not None
    return block.act


def _is_block_relu(site: Site) -> bool:
    return isinstance(site.module, Add) and isinstance(_of_block(site), nn.ReLU)


RELU, SWISH, SIGMOID = is_a(nn.ReLU), is_a(HardSwish), is_a(nn.Sigmoid)


def _instead(name: str, where: Callable[[Site], bool], function: Callable[..., Tensor]) -> Fault:
    return Fault(name, where, behaves(_becomes(function)))


FAULTS = (
    _instead("missing ReLU", RELU, _same),
    _instead("ReLU6 for ReLU", RELU, F.relu6),
    _instead("leaky ReLU for ReLU", RELU, F.leaky_relu),
    _instead("hard-swish for ReLU", RELU, _exact_sixth),
    Fault("ReLU twice", RELU, behaves(_twice)),
    _instead("missing hard-swish", SWISH, _same),
    _instead("hard-swish without the cap", SWISH, _uncapped),
    _instead("exact sixth in hard-swish", SWISH, _exact_sixth),
    _instead("swish for hard-swish", SWISH, F.silu),
    _instead("ReLU for hard-swish", SWISH, F.relu),
    Fault("hard-swish twice", SWISH, behaves(_twice)),
    _instead("missing sigmoid", SIGMOID, _same),
    _instead("hard sigmoid for sigmoid", SIGMOID, F.hardsigmoid),
    _instead("Keras's hard sigmoid for sigmoid", SIGMOID, _hard_sigmoid_of_keras),
    Fault("sigmoid twice", SIGMOID, behaves(_twice)),
    Fault("activation before the sum too", _is_block_relu, behaves(_before_the_sum)),
    Fault(
        "activation before the sum instead of behind it",
        _is_block_relu,
        all_of(behaves(_before_the_sum), behaves(_becomes(_same), _of_block)),
    ),
)
