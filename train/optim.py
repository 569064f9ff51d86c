"""What is trained, and how fast: frozen stages, groups of parameters, the optimizer."""

from collections import defaultdict
from typing import Any

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.optim import SGD, AdamW, Optimizer

from port.errors import InputError
from port.model import TinyVideoNet
from train.config import Config

ALL_STAGES = -1


def frozen_blocks(net: TinyVideoNet, stages: int) -> list[nn.Module]:
    """The first `stages` blocks, or all of them for -1.

    Raises:
        InputError: the net has fewer.
    """
    if stages > len(net.blocks):
        raise InputError(f"freeze_stages={stages}: the net has {len(net.blocks)}; -1 means all")
    return list(net.blocks if stages == ALL_STAGES else net.blocks[:stages])


def freeze(net: TinyVideoNet, stages: int) -> None:
    """Take the parameters of frozen blocks out of training."""
    for block in frozen_blocks(net, stages):
        block.requires_grad_(False)


def set_training_mode(net: TinyVideoNet, config: Config) -> None:
    """Training mode, but for what is frozen: whole blocks, or statistics of batch norms."""
    net.train()
    for block in frozen_blocks(net, config.freeze_stages):
        block.eval()
    if config.freeze_norm:
        for module in net.modules():
            if isinstance(module, _BatchNorm):
                module.eval()


def make_optimizer(net: TinyVideoNet, config: Config) -> Optimizer:
    """SGD or AdamW over the parameters that are trained.

    TensorFlow's `MomentumOptimizer` and `torch.optim.SGD` are one (docs/training_parity.md).
    """
    groups = parameter_groups(net, config.layer_decay, config.weight_decay)
    if config.optimizer == "adamw":
        return AdamW(groups, lr=config.lr, betas=(config.momentum, 0.999))
    return SGD(groups, lr=config.lr, momentum=config.momentum, nesterov=config.nesterov)


def parameter_groups(
    net: TinyVideoNet, layer_decay: float, weight_decay: float
) -> list[dict[str, Any]]:
    """Groups of one depth and one weight decay each, with `scale`, the factor of their rate.

    The classifier has the whole rate, the last block `layer_decay` of it, the one below its square,
    and so on. Norms and biases, which have one axis, do not decay.
    """
    groups: dict[tuple[int, bool], list[nn.Parameter]] = defaultdict(list)
    for name, parameter in net.named_parameters():
        if parameter.requires_grad:
            groups[_depth(name, net), parameter.ndim > 1].append(parameter)
    return [
        {
            "params": parameters,
            "scale": layer_decay ** (len(net.blocks) - depth),
            "weight_decay": weight_decay if decays else 0.0,
        }
        for (depth, decays), parameters in sorted(groups.items())
    ]


def set_learning_rate(optimizer: Optimizer, rate: float) -> None:
    """Give every group its share of `rate`."""
    for group in optimizer.param_groups:
        group["lr"] = rate * group["scale"]


def _depth(name: str, net: TinyVideoNet) -> int:
    """The index of a parameter's block; that of the classifier comes after all of them."""
    kind, _, rest = name.partition(".")
    return int(rest.partition(".")[0]) if kind == "blocks" else len(net.blocks)
