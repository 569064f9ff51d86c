"""What a port computed before a layer works, and which the layer may have to read."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from port.errors import InputError
from verify.diagnosis.layer_view import LayerView


@dataclass(frozen=True)
class Source:
    """What a module returned, the original's values in the place of its first tensor.

    `name` tells a person which; `module` is None of what the whole port reads. `states` are those
    of a recurrent module.
    """

    name: str
    tensor: Tensor
    module: nn.Module | None = None
    states: tuple[Tensor, ...] = ()


@torch.no_grad()
def sources_of(view: LayerView) -> list[Source]:
    """What is computed until the layer begins, in that order; of equals the first."""
    whole = view.whole
    if view.again is None or whole is None:
        return []
    found: list[Source] = []
    handles: list[Any] = []
    begun = False

    def inputs(_: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        named = {f"input {index}": x for index, x in enumerate(args)} | kwargs
        tensors = {name: x for name, x in named.items() if isinstance(x, Tensor)}
        for name, x in tensors.items():
            found.append(Source("the input" if len(tensors) == 1 else name, x.clone()))

    def seen(path: str) -> Callable[..., None]:
        def see(module: nn.Module, _: Any, output: Any) -> None:
            first = output[0] if isinstance(output, tuple) and output else output
            if not begun and isinstance(first, Tensor):
                states = output[1] if isinstance(module, nn.RNNBase) else ()
                states = (states,) if isinstance(states, Tensor) else states
                copies = tuple(state.clone() for state in states)
                found.append(Source(path, first.detach().clone(), module, copies))

        return see

    def starting(path: str) -> Callable[..., None]:
        def start(module: nn.Module, args: tuple[Any, ...]) -> None:
            nonlocal begun
            begun |= module is view.module and _reads(args, view.args)
            # Behind the hook that puts the original's values in the place of its output.
            handles.append(module.register_forward_hook(seen(path)))

        return start

    handles.append(whole.register_forward_pre_hook(inputs, with_kwargs=True))
    for path, module in whole.named_modules():
        if path:
            handles.append(module.register_forward_pre_hook(starting(path)))
    try:
        view.again()
    except InputError:  # the port does not get there
        return []
    finally:
        for handle in handles:
            handle.remove()
    return _distinct(found)


def _reads(args: tuple[Any, ...], own: tuple[Any, ...]) -> bool:
    """Is it what the layer reads when its tap is computed?"""
    pairs = [(a, b) for a, b in zip(args, own, strict=False) if isinstance(b, Tensor)]
    return all(isinstance(a, Tensor) and a.shape == b.shape for a, b in pairs)


def _distinct(sources: list[Source]) -> list[Source]:
    kept: list[Source] = []
    for source in sources:
        if not any(
            source.tensor.shape == each.tensor.shape
            and not source.states
            and torch.equal(source.tensor, each.tensor)
            for each in kept
        ):
            kept.append(source)
    return kept
