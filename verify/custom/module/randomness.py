"""A torch module's dropout and noise, off while it trains, and written down."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from verify.custom.originals.drawn import Drawn

# Functions that drop single numbers, and those that drop whole channels; and their alpha kinds.
SINGLE = {"dropout": False, "dropout_": False, "alpha_dropout": True, "alpha_dropout_": True}
WHOLE = {"dropout1d": False, "dropout2d": False, "dropout3d": False, "feature_dropout": False}
WHOLE |= {"feature_dropout_": False, "feature_alpha_dropout": True, "feature_alpha_dropout_": True}
# Attributes of modules that drop whole examples of a batch.
OF_EXAMPLES = ("drop_prob", "drop_path_rate", "drop_path_prob")


@contextmanager
def quiet(module: nn.Module) -> Iterator[Drawn]:
    """Within, dropout changes nothing and normal distributions give their mean.

    Modules and functions of torch's are meant; what else draws, such as `torch.rand`, stays random.
    """
    drawn = Drawn()
    with ExitStack() as stack:
        for inner in module.modules():
            for name, count in _rates(inner):
                _silence(stack, inner, name, count, drawn)
        stack.enter_context(_Quiet(drawn))
        yield drawn


class _Quiet(TorchFunctionMode):
    def __init__(self, drawn: Drawn) -> None:
        super().__init__()
        self._drawn = drawn

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        kwargs, name = kwargs or {}, getattr(func, "__name__", "")
        if name in SINGLE or name in WHOLE:
            return self._dropout(name, *args, **kwargs)
        if name == "scaled_dot_product_attention":
            return self._attention(func, *args, **kwargs)
        value = func(*args, **kwargs)
        if name in ("randn", "randn_like"):
            self._drawn.noise = True
            return torch.zeros_like(value)
        if name in ("normal", "normal_"):
            self._drawn.noise = True
            return _mean(name, value, *args, **kwargs)
        return value

    def _dropout(
        self,
        name: str,
        input: Tensor,
        p: float = 0.5,
        training: bool | None = None,
        inplace: bool = False,
        train: bool = True,
    ) -> Tensor:
        default = name != "alpha_dropout" and name != "feature_alpha_dropout"
        if default and train if training is None else training:
            count = input.numel() if name in SINGLE else input.shape[0] * input.shape[1]
            self._drawn.add(p, count, {**SINGLE, **WHOLE}[name])
        return input

    def _attention(
        self,
        attend: Any,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        attn_mask: Tensor | None = None,
        dropout_p: float = 0.0,
        *args: Any,
        **kwargs: Any,
    ) -> Any:
        self._drawn.add(dropout_p, query[..., 0].numel() * key.shape[-2])
        return attend(query, key, value, attn_mask, 0.0, *args, **kwargs)


def _mean(name: str, value: Tensor, *args: Any, **kwargs: Any) -> Tensor:
    """Of what was drawn from a normal distribution; `normal_` fills its own tensor."""
    mean = kwargs.get("mean", args[name == "normal_"] if len(args) > (name == "normal_") else 0.0)
    if name == "normal_":
        return value.copy_(torch.as_tensor(mean, dtype=value.dtype).expand_as(value))
    return torch.as_tensor(mean, dtype=value.dtype).expand_as(value).clone()


# How many numbers a module draws for its input, each time that it does.
Count = Callable[[nn.Module, Tensor], list[int]]


def _rates(module: nn.Module) -> Iterator[tuple[str, Count]]:
    """The attributes that are a rate of dropout, where a module passes no function of torch's."""
    if isinstance(module, nn.RNNBase):
        yield "dropout", _between_layers
    elif isinstance(module, nn.MultiheadAttention):
        yield "dropout", _of_attention
    elif type(module).__name__ == "StochasticDepth":
        yield "p", lambda module, x: [1 if getattr(module, "mode", "") == "batch" else x.shape[0]]
    elif not any(module.children()):
        for name in OF_EXAMPLES:
            if isinstance(vars(module).get(name), float):
                yield name, lambda module, x: [x.shape[0]]


def _silence(stack: ExitStack, module: nn.Module, name: str, count: Count, drawn: Drawn) -> None:
    rate = float(getattr(module, name))

    def record(_: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        inputs = (*args, *kwargs.values())
        if rate > 0 and module.training and isinstance(inputs[0], Tensor):
            for each in count(module, inputs[0]):
                drawn.add(rate, each)

    handle = module.register_forward_pre_hook(record, with_kwargs=True)
    stack.callback(handle.remove)
    setattr(module, name, 0.0)
    stack.callback(setattr, module, name, rate)


def _between_layers(module: nn.Module, x: Tensor) -> list[int]:
    assert isinstance(module, nn.RNNBase)
    directions = 2 if module.bidirectional else 1
    each = x[..., 0].numel() * (module.proj_size or module.hidden_size) * directions
    return [each] * (module.num_layers - 1)


def _of_attention(module: nn.Module, query: Tensor) -> list[int]:
    """Of self-attention; the keys of another sequence are taken to be as many."""
    assert isinstance(module, nn.MultiheadAttention)
    time = 1 if module.batch_first and query.ndim == 3 else 0
    return [query[..., 0].numel() * query.shape[time] * module.num_heads]
