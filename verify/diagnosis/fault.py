"""What a fault is: a mistake that can be planted in a layer of a net, and taken out again."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from port.taps import tapped_modules


@dataclass(frozen=True, slots=True)
class Site:
    """A layer of `net`: its name, which is that of its `tap` if it has one, and its `module`."""

    net: nn.Module
    tap: str
    module: nn.Module


Undo = Callable[[], None]
# Makes the mistake in place and returns what undoes it.
Plant = Callable[[Site], Undo]
Applies = Callable[[Site], bool]


@dataclass(frozen=True, slots=True)
class Fault:
    """A mistake: what it is called, in which layers it can be made, and how.

    `applies` holds only where the mistake changes the function that the layer computes, as far as
    that can be told from the layer alone. `wide`: a layer of another block changes with it.
    """

    name: str
    applies: Applies
    plant: Plant
    wide: bool = False

    def places(self, net: nn.Module) -> Mapping[str, nn.Module]:
        """The layers of `net` that are looked at, by name: those that have a tap."""
        return tapped_modules(net)

    def site(self, net: nn.Module, name: str) -> Site:
        """The layer of `net` that has this name."""
        return Site(net, name, self.places(net)[name])

    def sites(self, net: nn.Module) -> list[str]:
        """The names of the layers of `net` in which this fault can be planted."""
        places = self.places(net).items()
        return [name for name, module in places if self.applies(Site(net, name, module))]

    @contextmanager
    def planted(self, net: nn.Module, name: str) -> Iterator[None]:
        """Make the mistake in the layer of this name, and mend it afterwards."""
        undo = self.plant(self.site(net, name))
        try:
            yield
        finally:
            undo()


def behaves(wrong: Callable[..., object], where: Callable[[Site], Any] | None = None) -> Plant:
    """Let the layer compute `wrong(module, right, *inputs)`; `right` is what it computes now.

    `where` gives another module than the one that has the tap. What was planted is copied with
    the net, and works on the copy's weights.
    """

    def plant(site: Site) -> Undo:
        module = site.module if where is None else where(site)
        before = vars(module).get("forward")
        module.forward = partial(wrong, module, module.forward)

        def undo() -> None:
            if before is None:
                del module.forward
            else:
                module.forward = before

        return undo

    return plant


def with_values(**change: Callable[[Any], object]) -> Plant:
    """Set attributes of the module to new values; those of parameters and buffers, in place."""

    def plant(site: Site) -> Undo:
        module = site.module
        wrong = {name: _copy(make(module)) for name, make in change.items()}
        right = {name: _get(module, name) for name in change}
        for name, value in wrong.items():
            _set(module, name, value)

        def undo() -> None:
            for name, value in right.items():
                _set(module, name, value)

        return undo

    return plant


def trained(parameter: str, wanted: bool) -> Plant:
    """Let a parameter of the module have a gradient, or none."""

    def plant(site: Site) -> Undo:
        value = site.module.get_parameter(parameter)
        before = value.requires_grad
        value.requires_grad_(wanted)

        def undo() -> None:
            value.requires_grad_(before)

        return undo

    return plant


def all_of(*plants: Plant) -> Plant:
    """Several changes that make one mistake."""

    def plant(site: Site) -> Undo:
        undos = [each(site) for each in plants]

        def undo() -> None:
            for each in reversed(undos):
                each()

        return undo

    return plant


def is_a(*kinds: type[nn.Module]) -> Applies:
    """Layers of these kinds."""
    return lambda site: isinstance(site.module, kinds)


def _get(module: nn.Module, name: str) -> object:
    return _copy(getattr(module, name))


def _copy(value: object) -> object:
    return value.detach().clone() if isinstance(value, Tensor) else value


def _set(module: nn.Module, name: str, value: object) -> None:
    if isinstance(value, Tensor):
        with torch.no_grad():
            getattr(module, name).copy_(value)
    else:
        setattr(module, name, value)
