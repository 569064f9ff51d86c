"""What may mend a wrong layer: reversible changes of a torch module, whoever wrote it.

Where no right layer is at hand, as in anybody's port, the wrong one is changed until it computes
what the original does. What had to be changed is what was wrong.
"""

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from verify.diagnosis.cause import Repair
from verify.diagnosis.fault import Plant, behaves, with_values
from verify.diagnosis.repairs_recurrent import recurrent_repairs
from verify.diagnosis.repairs_sliding import convolve, other_pools, paddings, pool_of

# TensorFlow's, PyTorch's, those of layer norms, and that of ResNets in keras.applications.
EPSILONS = (1e-3, 1e-5, 1e-4, 1e-6, 1e-2, 1e-12, 0.0, 1.001e-5)
ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "no activation": lambda x: x,
    "ReLU": F.relu,
    "ReLU6": F.relu6,
    "leaky ReLU, slope 0.01": F.leaky_relu,
    "leaky ReLU, slope 0.2": lambda x: F.leaky_relu(x, 0.2),
    "leaky ReLU, slope 0.3": lambda x: F.leaky_relu(x, 0.3),
    "ELU": F.elu,
    "SELU": F.selu,
    "GELU": F.gelu,
    "GELU by tanh": lambda x: F.gelu(x, approximate="tanh"),
    "swish": F.silu,
    "hard swish": F.hardswish,
    "mish": F.mish,
    "softplus": F.softplus,
    "tanh": torch.tanh,
    "sigmoid": torch.sigmoid,
    "hard sigmoid, of a sixth": F.hardsigmoid,
    "hard sigmoid, of a fifth": lambda x: (0.2 * x + 0.5).clamp(0, 1),
    "softmax over channels": lambda x: torch.softmax(x, 1),
    "softmax over the last axis": lambda x: torch.softmax(x, -1),
}
INPUTS: dict[str, Callable[[Tensor], Tensor]] = {
    "colours in the other order": lambda x: x.flip(1),
    "height and width swapped": lambda x: x.transpose(-1, -2),
    "mirrored": lambda x: x.flip(-1),
    "values divided by 255": lambda x: x / 255,
    "values times 255": lambda x: x * 255,
    "values from -1 to 1 in place of 0 to 1": lambda x: x * 2 - 1,
    "values from 0 to 1 in place of -1 to 1": lambda x: (x + 1) / 2,
    "through a ReLU": F.relu,
}


def repairs(module: nn.Module, args: tuple[Any, ...]) -> Iterator[Repair]:
    """The changes that may mend `module`, which reads `args`."""
    if isinstance(getattr(module, "eps", None), float):
        yield from _epsilons(module)
    if isinstance(getattr(module, "running_var", None), Tensor):
        yield from _statistics(module)
    weight = getattr(module, "weight", None)
    if isinstance(weight, Tensor) and weight.ndim == 4:
        yield from _kernels(weight)
        yield from paddings(module, convolve, args)
    elif isinstance(weight, Tensor) and weight.ndim == 2 and weight.shape[0] == weight.shape[1]:
        yield _weights("kernel not transposed", lambda w: w.T)
    if (pool := pool_of(module)) is not None:
        yield from paddings(module, pool, args)
        yield from other_pools(module)
    if isinstance(module, nn.Flatten):
        yield Repair(
            "flattens channels first where the original flattens them last",
            behaves(lambda module, right, x: right(x.movedim(1, -1).contiguous())),
        )
    if isinstance(module, nn.RNNBase):
        yield from recurrent_repairs(module)
    if len(args) == 1 and isinstance(args[0], Tensor):
        yield from _functions(module, args[0])


def _epsilons(module: nn.Module) -> Iterator[Repair]:
    for epsilon in EPSILONS:
        if epsilon != module.eps:
            name = f"epsilon {module.eps:g} instead of {epsilon:g}"
            yield Repair(name, with_values(eps=_constant(epsilon)))


def _statistics(module: nn.Module) -> Iterator[Repair]:
    if module.training:
        yield Repair("the batch's own statistics instead of the moving ones", _evaluating)
    if isinstance(getattr(module, "bias", None), Tensor):
        yield Repair("gamma and beta swapped", _swapped("weight", "bias"))
        yield Repair("gamma not applied, or twice", with_values(weight=_ones("weight")))
        yield Repair("beta not 0", with_values(bias=lambda m: torch.zeros_like(m.bias)))
    yield Repair("mean and variance swapped", _swapped("running_mean", "running_var"))
    yield Repair(
        "deviation kept as variance", with_values(running_var=lambda m: m.running_var.square())
    )
    yield Repair(
        "variance taken for deviation", with_values(running_var=lambda m: m.running_var.sqrt())
    )


def _evaluating(site: Any) -> Callable[[], None]:
    site.module.eval()

    def undo() -> None:
        site.module.train()

    return undo


def _constant(value: float) -> Callable[[nn.Module], float]:
    return lambda module: value


def _ones(name: str) -> Callable[[nn.Module], Tensor]:
    return lambda module: torch.ones_like(getattr(module, name))


def _swapped(first: str, second: str) -> Plant:
    return with_values(**{first: lambda m: getattr(m, second), second: lambda m: getattr(m, first)})


def _weights(name: str, change: Callable[[Tensor], Tensor]) -> Repair:
    return Repair(name, with_values(weight=lambda module: change(module.weight)))


def _kernels(weight: Tensor) -> Iterator[Repair]:
    if weight.shape[2] == weight.shape[3] > 1:
        yield _weights("kernel's height and width swapped", lambda w: w.transpose(2, 3))
    if max(weight.shape[2:]) > 1:
        yield _weights("kernel flipped", lambda w: w.flip(2, 3))
        yield _weights("kernel upside down", lambda w: w.flip(2))
        yield _weights("kernel mirrored", lambda w: w.flip(3))
    if weight.shape[0] == weight.shape[1] > 1:
        yield _weights("kernel's inputs and outputs swapped", lambda w: w.transpose(0, 1))
    # In memory HWIO, or HWI1 of a depthwise one, and read as OIHW.
    out, into, height, width = weight.shape
    yield _weights(
        "kernel read in TensorFlow's order",
        lambda w: w.reshape(height, width, into, out).permute(3, 2, 0, 1),
    )
    if out > 1:
        yield _weights("output channels rolled", lambda w: w.roll(-1, 0))


def _functions(module: nn.Module, x: Tensor) -> Iterator[Repair]:
    """Another function in place of a module without weights; another input for any."""
    if not any(True for _ in module.parameters()) and not any(True for _ in module.children()):
        for name, function in ACTIVATIONS.items():
            yield Repair(
                f"{_kind(module)} does not compute {name}", behaves(_in_place_of(function))
            )
    elif any(True for _ in module.parameters()):
        for name in ("ReLU", "ReLU6", "swish", "sigmoid", "tanh"):
            yield Repair(f"{name} missing behind it", behaves(_behind(ACTIVATIONS[name])))
    for name, change in INPUTS.items():
        if x.ndim >= 4 or "value" in name or "ReLU" in name:
            yield Repair(f"input should be: {name}", behaves(_fed(change)))


def _kind(module: nn.Module) -> str:
    return type(module).__name__


def _in_place_of(function: Callable[[Tensor], Tensor]) -> Callable[..., Tensor]:
    return lambda module, right, x: function(x)


def _behind(function: Callable[[Tensor], Tensor]) -> Callable[..., Tensor]:
    return lambda module, right, x: function(right(x))


def _fed(change: Callable[[Tensor], Tensor]) -> Callable[..., Tensor]:
    return lambda module, right, x: right(change(x))
