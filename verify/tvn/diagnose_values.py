"""What is wrong with a layer's weights, told from their values beside the original's."""

import torch
from torch import Tensor, nn

from port.taps import tapped_modules
from verify.tvn.faults.weights import variables

# Of these at most, in a layer whose other values are the original's, each is looked at.
FEW = 1
# Values that follow the original's less than this are unrelated to them.
UNRELATED = 0.5


def other_values(port: nn.Module, right: nn.Module) -> dict[str, tuple[Tensor, Tensor]]:
    """The port's and the right values of each variable of one shape that is not the original's."""
    wanted = variables(right)
    return {
        name: (value.detach(), wanted[name].detach())
        for name, value in variables(port).items()
        if name in wanted and value.shape == wanted[name].shape and not _equal(value, wanted[name])
    }


def described(found: Tensor, right: Tensor, tap: str, net: nn.Module) -> tuple[str, str]:
    """The name that the catalogue has for it, and what is to be said besides.

    Args:
        found: the port's values of a variable.
        right: the original's.
        tap: of the layer.
        net: the right net, among whose variables a swapped one is looked for.
    """
    for name, dtype in (("float16", torch.float16), ("bfloat16", torch.bfloat16)):
        if torch.equal(found, right.to(dtype).to(right.dtype)):
            return f"one variable through {name}", ""
    places = (found != right).flatten().nonzero().flatten()
    if len(places) <= FEW:
        return _one_value(found.flatten()[places[0]], right.flatten()[places[0]], int(places[0]))
    if partner := _elsewhere(found, tap, net):
        return "two equal-shaped variables swapped", f"it has the values of {partner}"
    likeness = _correlation(found, right)
    if likeness < UNRELATED:
        return "one variable stale", f"it follows the original's values at {likeness:.2f}"
    return "other values", f"{len(places)} of {found.numel()} differ"


def _one_value(found: Tensor, right: Tensor, place: int) -> tuple[str, str]:
    said = f"number {place} is {found.item():g} instead of {right.item():g}"
    if found.isnan():
        return "one value not a number", said
    if found == -right:
        return "one value's sign flipped", said
    bits = found.float().view(torch.int32) ^ right.float().view(torch.int32)
    return ("one value's last bit flipped" if bits == 1 else "one value changed"), said


def _elsewhere(found: Tensor, tap: str, net: nn.Module) -> str:
    """Which other layer's variable has these values; two that are all alike say nothing."""
    if len(found.unique()) == 1 and found.numel() > 1:
        return ""
    for other, module in tapped_modules(net).items():
        if other == tap:
            continue
        for name, value in variables(module).items():
            if value.shape == found.shape and _equal(value, found):
                return f"{other}, {name}"
    return ""


def _correlation(found: Tensor, right: Tensor) -> float:
    pair = torch.stack([found.double().flatten(), right.double().flatten()])
    pair = pair - pair.mean(1, keepdim=True)
    norms = pair.norm(dim=1).prod()
    return float((pair[0] * pair[1]).sum() / norms) if norms > 0 else 0.0


def _equal(a: Tensor, b: Tensor) -> bool:
    return a.shape == b.shape and torch.equal(a.detach(), b.detach().to(a.dtype))
