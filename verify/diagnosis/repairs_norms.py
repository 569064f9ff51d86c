"""Repairs of norms: another epsilon, other groups, the mean subtracted or not."""

from collections.abc import Callable, Iterator
from typing import Any

from torch import Tensor, nn
from torch.nn import functional as F

from verify.diagnosis.cause import Repair
from verify.diagnosis.fault import behaves, with_values

# TensorFlow's, PyTorch's, those of layer norms, and that of ResNets in keras.applications.
EPSILONS = (1e-3, 1e-5, 1e-4, 1e-6, 1e-2, 1e-12, 0.0, 1.001e-5, 1e-7, 1e-8)
# What modules call it.
NAMES = ("eps", "epsilon", "variance_epsilon", "layer_norm_eps")


def norm_repairs(module: nn.Module, args: tuple[Any, ...]) -> Iterator[Repair]:
    """The changes that may mend a norm that reads `args`."""
    name = next((name for name in NAMES if _is_epsilon(module, name)), None)
    if name is None:
        return
    own = getattr(module, name)
    for epsilon in EPSILONS:
        if epsilon != own:
            had = "None" if own is None else f"{own:g}"
            plant = with_values(**{name: _constant(epsilon)})
            yield Repair(f"epsilon {had} instead of {epsilon:g}", plant)
    if isinstance(module, nn.GroupNorm):
        yield from _groups(module)
    weight = getattr(module, "weight", None)
    is_running = hasattr(module, "running_var")
    if isinstance(weight, Tensor) and weight.ndim == 1 and not is_running:
        yield from _formulas(module, name, args)


def _is_epsilon(module: nn.Module, name: str) -> bool:
    value = getattr(module, name, "")
    return isinstance(value, float) or (value is None and isinstance(module, nn.RMSNorm))


def _groups(module: nn.GroupNorm) -> Iterator[Repair]:
    channels, own = module.num_channels, module.num_groups
    for count in range(1, channels + 1):
        if channels % count == 0 and count != own:
            plant = with_values(num_groups=_constant(count))
            yield Repair(f"{own} groups instead of {count}", plant)

    def over_channels(module: Any, right: Callable[..., Tensor], x: Tensor) -> Tensor:
        y = x.movedim(1, -1)
        return F.layer_norm(y, y.shape[-1:], module.weight, module.bias, module.eps).movedim(-1, 1)

    yield Repair("over axes 1, 2, 3 instead of 1", behaves(over_channels))


def _formulas(module: nn.Module, name: str, args: tuple[Any, ...]) -> Iterator[Repair]:
    def layer(module: Any, right: Callable[..., Tensor], x: Tensor) -> Tensor:
        bias = getattr(module, "bias", None)
        return F.layer_norm(x, x.shape[-1:], module.weight, bias, getattr(module, name) or 0.0)

    def root(module: Any, right: Callable[..., Tensor], x: Tensor) -> Tensor:
        bias = getattr(module, "bias", None)
        y = F.rms_norm(x, x.shape[-1:], module.weight, getattr(module, name) or 0.0)
        return y if bias is None else y + bias

    if not isinstance(module, nn.LayerNorm):
        yield Repair("the mean is not subtracted", behaves(layer))
    if not isinstance(module, nn.RMSNorm):
        yield Repair("the mean is subtracted", behaves(root))
    if isinstance(module, nn.LayerNorm | nn.RMSNorm):
        return
    plus_one = behaves(lambda module, right, x: right(x) * (1 + 1 / module.weight))
    yield Repair("the weight lacks the one that is added to it", plus_one)


def _constant(value: Any) -> Callable[[Any], Any]:
    return lambda _: value
