"""What may mend a wrong layer: reversible changes of a torch module, whoever wrote it.

Where no right layer is at hand, as in anybody's port, the wrong one is changed until it computes
what the original does. What had to be changed is what was wrong.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from port.tf_semantics import same_padding
from verify.faults.base import Plant, behaves, with_values

EPSILONS = (1e-3, 1e-5, 1e-4, 1e-6, 1e-2, 1e-12, 0.0)
STRIDES = (1, 2, 3, 4)
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


@dataclass(frozen=True, slots=True)
class Repair:
    """What is wrong, as far as this change mends it."""

    name: str
    plant: Plant


def repairs(module: nn.Module, args: tuple[Any, ...]) -> Iterator[Repair]:
    """The changes that may mend `module`, which reads `args`."""
    if isinstance(getattr(module, "eps", None), float):
        yield from _epsilons(module)
    if isinstance(getattr(module, "running_var", None), Tensor):
        yield from _statistics(module)
    weight = getattr(module, "weight", None)
    if isinstance(weight, Tensor) and weight.ndim == 4:
        yield from _kernels(weight)
        yield from _paddings(module, _convolve)
    elif isinstance(weight, Tensor) and weight.ndim == 2 and weight.shape[0] == weight.shape[1]:
        yield _weights("kernel not transposed", lambda w: w.T)
    if (pool := _pool(module)) is not None:
        yield from _paddings(module, pool)
        yield from _other_pools(module)
    if isinstance(module, nn.Flatten):
        yield Repair(
            "flattens channels first where the original flattens them last",
            behaves(lambda module, right, x: right(x.movedim(1, -1).contiguous())),
        )
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


Slide = Callable[[nn.Module, Tensor, tuple[int, ...], tuple[int, int]], Tensor]


def _pair(value: Any) -> tuple[int, int]:
    if isinstance(value, int):
        return value, value
    first, second = value
    return int(first), int(second)


def _kernel(module: nn.Module) -> tuple[int, int]:
    weight = getattr(module, "weight", None)
    if isinstance(weight, Tensor):
        dilation = _pair(getattr(module, "dilation", 1))
        height, width = weight.shape[2:]
        return (height - 1) * dilation[0] + 1, (width - 1) * dilation[1] + 1
    return _pair(getattr(module, "kernel_size", None) or getattr(module, "kernel", 1))


def _convolve(module: Any, x: Tensor, pads: tuple[int, ...], stride: tuple[int, int]) -> Tensor:
    groups = x.shape[1] // module.weight.shape[1]
    dilation = _pair(getattr(module, "dilation", 1))
    return F.conv2d(F.pad(x, pads), module.weight, module.bias, stride, 0, dilation, groups)


def _pool(module: nn.Module) -> Slide | None:
    kind = getattr(module, "kind", None)
    if isinstance(module, nn.MaxPool2d) or kind == "maxpool":
        return _maxima
    if isinstance(module, nn.AvgPool2d) or kind == "avgpool":
        return _averages
    return None


def _maxima(module: nn.Module, x: Tensor, pads: tuple[int, ...], stride: tuple[int, int]) -> Tensor:
    return F.max_pool2d(F.pad(x, pads, value=-torch.inf), _kernel(module), stride)


def _averages(
    module: nn.Module, x: Tensor, pads: tuple[int, ...], stride: tuple[int, int]
) -> Tensor:
    kernel, ones = _kernel(module), x.new_ones(1, 1, *x.shape[-2:])
    sums, counts = (
        F.avg_pool2d(F.pad(each, pads), kernel, stride, divisor_override=1) for each in (x, ones)
    )
    return sums / counts


def _averages_counting(
    module: nn.Module, x: Tensor, pads: tuple[int, ...], stride: tuple[int, int]
) -> Tensor:
    return F.avg_pool2d(F.pad(x, pads), _kernel(module), stride)


def _paddings(module: nn.Module, slide: Slide) -> Iterator[Repair]:
    """Each padding with the module's own stride; then SAME padding with other strides."""
    if getattr(module, "frames", None) is not None:  # slides over more than it is fed
        return
    own = _pair(getattr(module, "stride", 1))
    for name, padding in PADDINGS.items():
        yield Repair(f"padding is not {name}", _sliding(slide, padding, own))
    for stride in STRIDES:
        if (stride, stride) != own:
            wrong = f"stride {own[0]} instead of {stride}"
            for name, padding in PADDINGS.items():
                yield Repair(f"{wrong}, with padding {name}",
                             _sliding(slide, padding, (stride, stride)))  # fmt: skip


def _other_pools(module: nn.Module) -> Iterator[Repair]:
    own = _pair(getattr(module, "stride", 1))
    right = "average" if _pool(module) is _maxima else "maximum"
    other = _averages if right == "average" else _maxima
    for name, padding in PADDINGS.items():
        yield Repair(f"not the {right}, with padding {name}", _sliding(other, padding, own))
    if right == "maximum":
        same = PADDINGS["SAME"]
        yield Repair("padding not counted", _sliding(_averages_counting, same, own))


def _sliding(slide: Slide, padding: Callable[..., tuple[int, int]], stride: Any) -> Plant:
    def wrong(module: nn.Module, right: Callable[..., Tensor], x: Tensor) -> Tensor:
        kernel = _kernel(module)
        rows = padding(x.shape[-2], kernel[0], stride[0])
        columns = padding(x.shape[-1], kernel[1], stride[1])
        return slide(module, x, (*columns, *rows), stride)

    return behaves(wrong)


def _same_other_side(size: int, kernel: int, stride: int) -> tuple[int, int]:
    before, behind = same_padding(size, kernel, stride)
    return behind, before


PADDINGS: dict[str, Callable[[int, int, int], tuple[int, int]]] = {
    "SAME": same_padding,
    "SAME with the odd element in front": _same_other_side,
    "VALID": lambda size, kernel, stride: (0, 0),
    "symmetric": lambda size, kernel, stride: (kernel // 2, kernel // 2),
    "symmetric, rounded down": lambda size, kernel, stride: ((kernel - 1) // 2,) * 2,
}


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
