"""Which modules of a port ask for float32 inside float64, told for the report."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import torch
from torch import nn

from verify.custom.module.watch import watch
from verify.runners.pytorch import REFUSALS
from verify.runners.whole_precision import CAST


def notes_on_casts(module: nn.Module, run: Callable[..., Any]) -> Iterator[str]:
    """A sentence, if there are any; `run(module, note)` runs it as `WholePrecision` does."""
    at_work, casting = [""], dict[str, None]()

    def before(place: str, *_: object) -> None:
        at_work.append(place)

    def after(*_: object) -> None:
        at_work.pop()

    with suppress(*REFUSALS), torch.no_grad(), watch(module, after, before):
        run(module, lambda: casting.setdefault(at_work[-1]))
    if casting:
        yield f"{', '.join(place or 'the port' for place in casting)}: {CAST}"
