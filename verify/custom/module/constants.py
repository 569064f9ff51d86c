"""What a port holds in float32 that is no weight: the numbers its author meant.

Buffers that no state dict has are constants, such as the mean of images or the frequencies of a
rotary embedding. In float32 they are rounded, and a copy in float64 stays so. Where the number that
was written can be told, the copy gets it. Of others no digit beyond float32 is known.
"""

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor, nn

from verify.custom.layouts.fingerprint import CLOSE, ROUNDED_CLOSE
from verify.custom.originals.graph.constants import MOST_WRITTEN, array_as_written, is_exact

# A table that was computed in float32 is off by the roundings of a power, a quotient, a product.
UNCERTAIN = 2 * torch.finfo(torch.float32).eps
# Whoever writes more means infinity: masks do.
LARGEST = 1e30
ROUNDED = "known to float32 only, so float64 tells no more of it"


def write_out_constants(module: nn.Module) -> None:
    """Put constants of float32 into float64, in place, as they were written."""
    for owner, name, value in _constants(module):
        if value.dtype == torch.float32:
            exact, _ = array_as_written(value.numpy())
            setattr(owner, name, torch.from_numpy(np.asarray(exact)))


def rounded_constants(module: nn.Module) -> dict[str, Tensor]:
    """Those, by name, of which a digit is unknown, in a module that has been written out."""
    names = {id(value): name for name, value in module.named_buffers()}
    found = (value for _, _, value in _constants(module) if id(value) in names)
    return {names[id(value)]: value for value in found if _unknown(value).any()}


def closeness(module: nn.Module) -> float:
    """How near what it computes in float64 comes to its original, of the largest number."""
    return ROUNDED_CLOSE if rounded_constants(module) else CLOSE


def notes_on_constants(module: nn.Module) -> Iterator[str]:
    """A sentence, if there are any."""
    if names := rounded_constants(module):
        yield f"{', '.join(names)}: {ROUNDED}"


class MovedConstants:
    """The constants of a module in float64, to be moved by as much as float32 may have rounded."""

    def __init__(self, module: nn.Module) -> None:
        self._now = rounded_constants(module)
        self._before = {name: value.clone() for name, value in self._now.items()}

    def __bool__(self) -> bool:
        return bool(self._now)

    def move(self, seed: int) -> None:
        """Move each number by a few units in float32's last place at most, at random."""
        draw = np.random.default_rng(seed)
        for name, value in self._now.items():
            share = torch.from_numpy(draw.uniform(-1, 1, tuple(value.shape)) * _unknown(value))
            value.copy_(self._before[name] * (1 + UNCERTAIN * share))


def _constants(module: nn.Module) -> Iterator[tuple[nn.Module, str, Tensor]]:
    for owner in module.modules():
        for name in sorted(getattr(owner, "_non_persistent_buffers_set", ())):
            value = owner._buffers.get(name)
            if value is not None and value.is_floating_point():
                yield owner, name, value


def _unknown(value: Tensor) -> np.ndarray:
    """The places of numbers of which it cannot be told what was written."""
    numbers = value.numpy().astype(np.float32)
    if numbers.size > MOST_WRITTEN:
        known = numbers == np.round(numbers)
    else:
        known = np.vectorize(is_exact, otypes=[np.bool_])(numbers)
    return ~known & (np.abs(numbers) < LARGEST)
