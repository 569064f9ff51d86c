"""What the user says is used, or refused."""

from collections.abc import Iterable, Mapping, Sequence

import torch
from torch import Tensor, nn

from port.errors import InputError
from verify.custom.matching.found import Found, Given
from verify.custom.matching.weights import matches
from verify.custom.originals.original import Call


def load_converted(module: nn.Module, state: Mapping[str, Tensor]) -> None:
    """Give the port what the user's function made of the original's weights.

    What it computed in float64, such as a batch norm folded into its convolution, keeps all digits.

    Raises:
        InputError: it is no state dict of the port's.
    """
    try:
        if any(tensor.dtype == torch.float64 for tensor in state.values()):
            module.double()
        module.load_state_dict(dict(state))
    except (AttributeError, RuntimeError, TypeError, ValueError) as error:
        told = " ".join(str(error).split())
        raise InputError(f"weights: what your function returned does not load: {told}") from None


def refuse_idle(argument: str, patterns: Sequence[str], names: Iterable[str]) -> None:
    """Every pattern must match something.

    Raises:
        InputError: one matches nothing.
    """
    known = list(names)
    for pattern in patterns:
        if not any(matches(name, [pattern]) for name in known):
            raise InputError(f"{argument}: nothing is called {pattern!r}; leave it out")


def refuse_unused(given: Given, found: Found, calls: Sequence[Call]) -> None:
    """Every module that was named must have had a use, if the port ran to its end.

    Raises:
        InputError: it has not.
    """
    for tap, place in given.places.items():
        if found.finished and place is not None and tap not in found.places:
            raise InputError(
                f"taps: the port's {place!r} (for {tap!r}) did not work, or returned no tensor"
            )
    if given.converted:
        return
    placed = {row.variable: row.key for row in found.rows}
    variables = {call.tap: call.variables or call.inside for call in calls}
    for tap, path in given.modules.items():
        inside = f"{path}." if path else ""
        if not any(placed.get(v, "").startswith(inside) for v in variables[tap] if v in placed):
            raise InputError(f"layers: the port's {path!r} (for {tap!r}) has none of its weights")
