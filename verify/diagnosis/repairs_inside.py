"""Repairs of a layer that is several modules, as a separable convolution: of one of them."""

from collections.abc import Callable
from contextlib import ExitStack, suppress
from typing import Any

from torch import Tensor, nn

from verify.diagnosis.cause import Repair
from verify.diagnosis.fault import Plant, Site, Undo
from verify.diagnosis.layer_view import LayerView
from verify.diagnosis.repairs import repairs
from verify.runners.pytorch import REFUSALS

# Modules inside of one that is looked into.
MOST_PARTS = 4


def repairs_inside(view: LayerView) -> list[Repair]:
    """The changes of modules with weights, right inside of the layer's, that may mend it."""
    children = dict(view.module.named_children())
    leaves = not any(True for child in children.values() for _ in child.children())
    if not 1 < len(children) <= MOST_PARTS or not leaves:
        return []
    calls: dict[str, tuple[tuple[Any, ...], Tensor | None]] = {}

    def seen(name: str) -> Callable[..., None]:
        def see(_: nn.Module, args: tuple[Any, ...], output: Any) -> None:
            calls[name] = args, output if isinstance(output, Tensor) else None

        return see

    with ExitStack() as stack, suppress(*REFUSALS, TypeError):
        for name, child in children.items():
            stack.callback(child.register_forward_hook(seen(name)).remove)
        view.computed()
    return [
        Repair(f"{name}: {repair.name}", _of(name, repair))
        for name, child in children.items()
        if name in calls and any(True for _ in child.parameters())
        for repair in repairs(child, *calls[name])
    ]


def _of(name: str, repair: Repair) -> Plant:
    def plant(site: Site) -> Undo:
        return repair.plant(Site(site.net, site.tap, site.module.get_submodule(name)))

    return plant
