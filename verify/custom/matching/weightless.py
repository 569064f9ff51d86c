"""Which layer without weights a module may be, by what both read."""

from collections.abc import Collection, Iterable, Sequence

from torch import Tensor, nn

from verify.custom.layouts.fingerprint import Fingerprint
from verify.custom.layouts.guess import fits
from verify.custom.originals.original import Call


def reading_the_same(
    module: nn.Module,
    calls: Iterable[Call],
    reads: Sequence[Fingerprint],
    output: Tensor,
    before: Collection[Call],
) -> list[Call]:
    """The layers without weights that read what a module reads, and put out what has its shape.

    If there is none, those that make another shape of what they read, one of `before`: with another
    stride or size a module is the layer all the same. What pads is none, since the layer itself
    comes behind it.
    """
    same = [call for call in calls if not call.variables and _reads_all_of(call, reads)]
    fitting = [call for call in same if fits(call.value, output)]
    if fitting or "Pad" in type(module).__name__:
        return fitting
    return [
        call
        for call in same
        if call.value.ndim == output.ndim > 2
        and any(each.value.shape != call.value.shape for each in before if call.reads_from(each))
    ]


def share(reads: Sequence[Fingerprint], others: Sequence[Fingerprint]) -> bool:
    """Do both read the same numbers somewhere?"""
    return any(read.matches(other) for read in reads for other in others)


def _reads_all_of(call: Call, reads: Sequence[Fingerprint]) -> bool:
    return bool(call.reads) and all(share([read], reads) for read in call.reads)
