"""Which layer without weights a module may be, by what both read."""

from collections.abc import Collection, Iterable, Sequence

from torch import Tensor, nn

from verify.custom.layouts.fingerprint import Fingerprint
from verify.custom.layouts.guess import fits
from verify.custom.matching.found import COMPUTES, READS
from verify.custom.originals.original import Call


def computing_or_reading(
    module: nn.Module,
    alike: Iterable[Call],
    calls: Collection[Call],
    reads: Sequence[Fingerprint],
    output: Tensor,
    computed: Fingerprint,
    before: Collection[Call],
) -> tuple[str, list[Call]]:
    """The layers that compute what a module does, or else read what it reads, and which it is.

    Args:
        module: without a layer that its weights would tell.
        alike: the layers whose numbers are its own, up to their order; the likeliest comes first.
        calls: those that are left.
        reads: what the module reads.
        output: what it puts out.
        computed: its fingerprint.
        before: all of the original's layers.
    """
    same = [call for call in alike if fits(call.value, output)]
    if same:
        return COMPUTES, sorted(same, key=lambda call: not share(call.reads, reads))
    is_idle = len(reads) < 2 and any(computed.matches(read) for read in reads)
    if any(module.children()) or is_idle:
        return READS, []
    return READS, _reading_the_same(module, calls, reads, output, before)


def _reading_the_same(
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
