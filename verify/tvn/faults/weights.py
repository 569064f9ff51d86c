"""Weights that are not the original's: mixed up, left behind, rounded, or damaged.

Each of these changes one variable of a layer, which the layer's name chooses.
"""

import zlib
from collections.abc import Callable

import torch
from torch import Tensor, nn

from port.taps import tapped_modules
from verify.diagnosis.fault import Fault, Site, Undo

VARIABLES = ("weight", "bias", "running_mean", "running_var")


def variables(module: nn.Module) -> dict[str, Tensor]:
    """The layer's own, by attribute."""
    values = {name: getattr(module, name, None) for name in VARIABLES}
    return {name: value for name, value in values.items() if isinstance(value, Tensor)}


def chosen(
    site: Site, among: Callable[[str, Tensor], bool] = lambda name, value: True
) -> str | None:
    """The attribute of the variable that a fault at this site changes; None if there is none."""
    names = [name for name, value in variables(site.module).items() if among(name, value)]
    return names[zlib.crc32(site.tap.encode()) % len(names)] if names else None


def _number(site: Site, below: int) -> int:
    return zlib.crc32(f"{site.tap}, which value".encode()) % below


@torch.no_grad()
def _set(variable: Tensor, values: Tensor) -> Undo:
    before = variable.detach().clone()
    variable.copy_(values)

    @torch.no_grad()
    def undo() -> None:
        variable.copy_(before)

    return undo


def _changed(
    name: str,
    change: Callable[[Site, Tensor], Tensor],
    among: Callable[[str, Tensor], bool] = lambda name, value: True,
) -> Fault:
    def wrong(site: Site) -> tuple[Tensor, Tensor] | None:
        attribute = chosen(site, among)
        if attribute is None:
            return None
        variable = variables(site.module)[attribute].detach()
        return variable, change(site, variable).to(variable.dtype)

    def applies(site: Site) -> bool:
        pair = wrong(site)
        return pair is not None and not torch.equal(*pair)

    def plant(site: Site) -> Undo:
        pair = wrong(site)
        assert pair is not None
        return _set(*pair)

    return Fault(name, applies, plant)


def _is_kernel_or_variance(name: str, value: Tensor) -> bool:
    """The others are as if left out before anything is loaded, which is a mistake with a name."""
    return value.ndim > 1 or name == "running_var"


def _stale(site: Site, variable: Tensor) -> Tensor:
    """As it is before anything is loaded: a kernel drawn anew, a variance of 1."""
    if variable.ndim == 1:
        return torch.ones_like(variable)
    draw = torch.Generator().manual_seed(zlib.crc32(f"{site.tap}, as drawn".encode()))
    deviation = (2 / variable[0].numel()) ** 0.5
    return torch.randn(variable.shape, generator=draw) * deviation


def _one(change: Callable[[Tensor], Tensor]) -> Callable[[Site, Tensor], Tensor]:
    """One value of float32 changed; by the site's name, among those that are not zero."""

    def changed(site: Site, variable: Tensor) -> Tensor:
        values = variable.float().flatten().clone()
        places = values.nonzero().flatten()
        if len(places):
            place = places[_number(site, len(places))]
            values[place] = change(values[place])
        return values.view(variable.shape)

    return changed


def _last_bit(value: Tensor) -> Tensor:
    return (value.view(torch.int32) ^ 1).view(torch.float32)


def _partner(site: Site) -> tuple[Tensor, Tensor] | None:
    """A variable of the layer, and the next layer's that has its shape and other values."""
    modules = list(tapped_modules(site.net).values())
    behind = modules[modules.index(site.module) + 1 :]
    attribute = chosen(site)
    if attribute is None:
        return None
    own = variables(site.module)[attribute]
    for module in behind:
        other = variables(module).get(attribute)
        if other is not None and other.shape == own.shape and not torch.equal(other, own):
            return own.detach(), other.detach()
    return None


def _swap(site: Site) -> Undo:
    pair = _partner(site)
    assert pair is not None
    first, second = pair[0].clone(), pair[1].clone()
    undos = [_set(pair[0], second), _set(pair[1], first)]

    def undo() -> None:
        for each in undos:
            each()

    return undo


FAULTS = (
    Fault(
        "two equal-shaped variables swapped",
        lambda site: _partner(site) is not None,
        _swap,
        wide=True,
    ),
    _changed("one variable stale", _stale, _is_kernel_or_variance),
    _changed("one variable through float16", lambda site, variable: variable.half()),
    _changed("one variable through bfloat16", lambda site, variable: variable.bfloat16()),
    _changed("one value's sign flipped", _one(torch.neg)),
    _changed("one value's last bit flipped", _one(_last_bit)),
    _changed("one value not a number", _one(lambda value: value * torch.nan)),
)
