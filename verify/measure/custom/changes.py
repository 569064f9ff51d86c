"""What a module with a mistake computes, as changes of a module in place."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

# Changes the module at a path of a net.
Change = Callable[[nn.Module, str], None]


def drop_bias(module: nn.Module, path: str) -> None:
    """No bias."""
    module.get_submodule(path).register_parameter("bias", None)


def add_bias(module: nn.Module, path: str) -> None:
    """A bias where the original has none."""
    inner: Any = module.get_submodule(path)
    channels = getattr(inner, "out_channels", None) or inner.out_features
    inner.bias = nn.Parameter(torch.linspace(0.1, 0.5, channels))


def first(output: Any, change: Callable[[Tensor], Tensor]) -> Any:
    """A module's first output changed, of a tuple too."""
    if isinstance(output, tuple):
        return (change(output[0]), *output[1:])
    return change(output)


def scaled(factor: float) -> Callable[..., Any]:
    """The output times a number."""
    return lambda module, right, *args: first(right(*args), lambda y: factor * y)


def fed(change: Callable[[Tensor], Tensor]) -> Callable[..., Any]:
    """Another input."""
    return lambda module, right, x, *rest: right(change(x), *rest)


def then(change: Callable[[Tensor], Tensor]) -> Callable[..., Any]:
    """Something behind it."""
    return lambda module, right, *args: change(right(*args))


def rolled(module: Any, right: Any, x: Tensor) -> Tensor:
    """The output's channels rolled by one."""
    return right(x).roll(1, 1)


def rounded(module: Any, right: Any, x: Tensor) -> Tensor:
    """The output rounded to half precision."""
    return right(x).half().to(x.dtype)


def dropped(module: Any, right: Any, x: Tensor) -> Tensor:
    """Dropout, as in training."""
    return F.dropout(x, module.p, training=True)


def next_token(module: Any, right: Any, x: Tensor) -> Tensor:
    """The next token in place of each."""
    return right((x + 1) % module.num_embeddings)


def batch_statistics(module: Any, right: Any, x: Tensor) -> Tensor:
    """Normalized by the batch's own statistics."""
    return F.batch_norm(x, None, None, module.weight, module.bias, True, 0.0, module.eps)


def not_normalized(module: Any, right: Any, x: Tensor) -> Tensor:
    """Scaled and shifted alone."""
    shape = (-1, *[1] * (x.ndim - 2))
    return x * module.weight.view(shape) + module.bias.view(shape)


def without(parameter: str) -> Callable[..., Tensor]:
    """A norm without its gamma or its beta."""

    def wrong(module: Any, right: Any, x: Tensor) -> Tensor:
        kept = {"weight": module.weight, "bias": module.bias} | {parameter: None}
        if isinstance(module, nn.LayerNorm):
            return F.layer_norm(x, module.normalized_shape, **kept, eps=module.eps)
        mean, variance = module.running_mean, module.running_var
        return F.batch_norm(x, mean, variance, **kept, eps=module.eps)

    return wrong


def by_variance(module: Any, right: Any, x: Tensor) -> Tensor:
    """The variance where the deviation belongs."""
    variance = module.running_var.square()
    return F.batch_norm(x, module.running_mean, variance, module.weight, module.bias, False, 0.0,
                        module.eps)  # fmt: skip


def other_axis(module: Any, right: Any, x: Tensor) -> Tensor:
    """Normalized over another axis."""
    mean = x.mean(0 if x.ndim == 2 else 1, keepdim=True)
    spread = (x - mean).square().mean(0 if x.ndim == 2 else 1, keepdim=True)
    return (x - mean) / (spread + module.eps).sqrt() * module.weight + module.bias


def unbiased(module: Any, right: Any, x: Tensor) -> Tensor:
    """The variance with one element less."""
    axes = tuple(range(-len(module.normalized_shape), 0))
    spread = x.var(axes, keepdim=True, unbiased=True)
    centred = x - x.mean(axes, keepdim=True)
    return centred / (spread + module.eps).sqrt() * module.weight + module.bias


def root_mean_square(module: Any, right: Any, x: Tensor) -> Tensor:
    """No mean taken off."""
    axes = tuple(range(-len(module.normalized_shape), 0))
    square = x.square().mean(axes, keepdim=True)
    return x / (square + module.eps).sqrt() * module.weight + module.bias


def backwards(module: Any, right: Any, x: Tensor, *rest: Any) -> Any:
    """Time read backwards."""
    return right(x.flip(1 if module.batch_first else 0), *rest)


def first_state(module: Any, right: Any, x: Tensor, *rest: Any) -> Any:
    """A first state that is not zero."""
    directions = module.num_layers * (2 if module.bidirectional else 1)
    batch = x.shape[0 if module.batch_first else 1]
    state = torch.full((directions, batch, module.hidden_size), 0.3, dtype=x.dtype)
    return right(x, (state, state) if isinstance(module, nn.LSTM) else state)


def halves_swapped(module: Any, right: Any, x: Tensor, *rest: Any) -> Any:
    """The two directions' outputs swapped."""
    return first(right(x, *rest), lambda y: torch.cat(y.chunk(2, -1)[::-1], -1))


def query_for_key(module: Any, right: Any, query: Tensor, key: Tensor, value: Tensor) -> Any:
    """Keys in another order than values."""
    return right(query, query.flip(1), value)
