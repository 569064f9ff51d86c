"""What may mend a wrong layer: reversible changes of a torch module, whoever wrote it.

Where no right layer is at hand, as in anybody's port, the wrong one is changed until it computes
what the original does. What had to be changed is what was wrong.
"""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from verify.diagnosis.cause import Repair
from verify.diagnosis.fault import Plant, behaves, with_values
from verify.diagnosis.functions import ACTIVATIONS, ERF
from verify.diagnosis.repairs_attention import attention_repairs, written_attention_repairs
from verify.diagnosis.repairs_functions import axis_repairs, function_repairs, merging_repairs
from verify.diagnosis.repairs_norms import norm_repairs
from verify.diagnosis.repairs_recurrent import recurrent_repairs
from verify.diagnosis.repairs_sliding import adaptive_repairs, sliding_repairs
from verify.diagnosis.repairs_transposed import transposed_repairs

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


def repairs(
    module: nn.Module, args: tuple[Any, ...], output: Tensor | None = None
) -> Iterator[Repair]:
    """The changes that may mend `module`, which reads `args` and computes `output` now."""
    yield from _own_forward(module)
    yield from norm_repairs(module, args)
    if isinstance(getattr(module, "running_var", None), Tensor):
        yield from _statistics(module)
    weight = getattr(module, "weight", None)
    if isinstance(weight, Tensor) and weight.ndim in (3, 4, 5):
        yield from _kernels(weight)
    elif isinstance(weight, Tensor) and weight.ndim == 2 and weight.shape[0] == weight.shape[1]:
        yield _weights("kernel not transposed", lambda w: w.T)
    yield from sliding_repairs(module, args)
    yield from adaptive_repairs(module)
    if getattr(module, "transposed", False):
        yield from transposed_repairs(module)
    if isinstance(module, nn.Flatten):
        yield Repair(
            "flattens channels first where the original flattens them last",
            behaves(lambda module, right, x: right(x.movedim(1, -1).contiguous())),
        )
    if isinstance(module, nn.Embedding):
        for name, offset in (("smaller", 1), ("larger", -1)):
            plant = behaves(partial(_offset, offset))
            yield Repair(f"indices are by one {name} than they should be", plant)
    if isinstance(module, nn.RNNBase | nn.RNNCellBase):
        yield from recurrent_repairs(module)
    if isinstance(module, nn.MultiheadAttention):
        yield from attention_repairs(module)
    elif args and isinstance(args[0], Tensor) and args[0].ndim == 3:
        yield from written_attention_repairs(module, args[0].shape[-1])
        if any(True for _ in module.children()):
            yield Repair("reads time in the wrong direction", behaves(_fed(lambda x: x.flip(1))))
    tensors = tuple(x for x in args if isinstance(x, Tensor))
    if len(args) == 1 and tensors:
        yield from _functions(module, tensors[0], output)
    yield from merging_repairs(tensors)


def _own_forward(module: nn.Module) -> Iterator[Repair]:
    """Of a class derived from one of torch's, what that one computes."""
    kinds = (kind for kind in type(module).__mro__ if kind.__module__.startswith("torch.nn."))
    base: Any = next(kinds, nn.Module)
    if base is nn.Module or type(module).forward is base.forward:
        return

    def plain(module: nn.Module, right: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        return base.forward(module, *args, **kwargs)

    yield Repair(f"computes something besides what {base.__name__} does", behaves(plain))


def _offset(by: int, module: nn.Embedding, right: Callable[..., Tensor], indices: Tensor) -> Tensor:
    return right((indices + by).clamp(0, module.num_embeddings - 1))


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


def _ones(name: str) -> Callable[[nn.Module], Tensor]:
    return lambda module: torch.ones_like(getattr(module, name))


def _swapped(first: str, second: str) -> Plant:
    return with_values(**{first: lambda m: getattr(m, second), second: lambda m: getattr(m, first)})


def _weights(name: str, change: Callable[[Tensor], Tensor]) -> Repair:
    return Repair(name, with_values(weight=lambda module: change(module.weight)))


def _kernels(weight: Tensor) -> Iterator[Repair]:
    places = tuple(range(2, weight.ndim))
    if weight.ndim == 4 and weight.shape[2] == weight.shape[3] > 1:
        yield _weights("kernel's height and width swapped", lambda w: w.transpose(2, 3))
    if max(weight.shape[2:]) > 1:
        yield _weights("kernel flipped", lambda w: w.flip(places))
        if weight.ndim == 4:
            yield _weights("kernel upside down", lambda w: w.flip(2))
        if weight.ndim == 5:
            yield _weights("kernel flipped in time", lambda w: w.flip(2))
        if weight.ndim > 3:
            yield _weights("kernel mirrored", lambda w: w.flip(-1))
    if weight.shape[0] == weight.shape[1] > 1:
        yield _weights("kernel's inputs and outputs swapped", lambda w: w.transpose(0, 1))
    if weight.ndim == 4:  # in memory HWIO, or HWI1 of a depthwise one, and read as OIHW
        out, into, height, width = weight.shape
        yield _weights(
            "kernel read in TensorFlow's order",
            lambda w: w.reshape(height, width, into, out).permute(3, 2, 0, 1),
        )
    if weight.shape[0] > 1:
        yield _weights("output channels rolled", lambda w: w.roll(-1, 0))


def _functions(module: nn.Module, x: Tensor, output: Tensor | None) -> Iterator[Repair]:
    """Another function in place of a module without weights; another input for any."""
    has_weights = any(True for _ in module.parameters())
    if not x.is_floating_point():
        return
    if not has_weights and not any(True for _ in module.children()):
        yield from function_repairs(module, x, output)
    elif has_weights:
        for name in ("ReLU", "ReLU6", "swish", "sigmoid", "tanh", ERF):
            yield Repair(f"{name} missing behind it", behaves(_behind(ACTIVATIONS[name])))
    for name, change in INPUTS.items():
        if x.ndim >= 4 or "value" in name or "ReLU" in name:
            yield Repair(f"input should be: {name}", behaves(_fed(change)))
    if x.ndim > 2 and not isinstance(module, nn.Linear | nn.modules.conv._ConvNd):
        yield from axis_repairs(x)


def _behind(function: Callable[[Tensor], Tensor]) -> Callable[..., Tensor]:
    return lambda module, right, x: function(right(x))


def _fed(change: Callable[[Tensor], Tensor]) -> Callable[..., Tensor]:
    return lambda module, right, x: right(change(x))
