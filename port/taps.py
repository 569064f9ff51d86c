"""Taps: the output of every layer, under the name that the original graph gives it too."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from torch import Tensor, nn


def tapped_modules(model: nn.Module) -> dict[str, nn.Module]:
    """Every module that has a tap, by its tap's name, in the order of computation."""
    named = ((getattr(module, "tap_name", None), module) for module in model.modules())
    return {name: module for name, module in named if name is not None}


@contextmanager
def watch(
    modules: dict[str, nn.Module], see: Callable[[str, Tensor], Tensor | None]
) -> Iterator[None]:
    """Call `see(tap, output)` for every output of `modules`; what it returns goes on instead."""
    handles = [
        module.register_forward_hook(lambda _m, _args, out, name=name: see(name, out))
        for name, module in modules.items()
    ]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def capture(model: nn.Module, x: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
    """Run `model` and keep what every layer gives.

    Args:
        model: a net from `create_model`, in the mode (training or not) it is to be captured in.
        x: clips `[B, 3, T, H, W]`.

    Returns:
        The logits `[B, num_classes]`, and the taps in the order of computation: `[B*T, C, H, W]`
        inside blocks (frames of one clip adjacent), `[B, C, 1, 1]` inside gates.
    """
    taps: dict[str, Tensor] = {}

    def keep(name: str, output: Tensor) -> None:
        taps[name] = output

    with watch(tapped_modules(model), keep):
        logits = model(x)
    return logits, taps
