"""What is remembered of a tensor on its way through a port: where it was made, and its numbers."""

from collections.abc import Iterator, Sequence
from typing import Any

from torch import Tensor, nn

from verify.custom.layouts.fingerprint import Fingerprint


def mark(tensor: Tensor, place: str, reads: Sequence[Tensor] | None = None) -> None:
    """It was made at `place` of the data that it reads, unless its place is known already."""
    made_of_nothing = reads == []
    reads = reads or ()
    written = any(each is tensor for each in reads)
    if written or not hasattr(tensor, "made_at"):
        tensor.made_at = place  # type: ignore[attr-defined]
        tensor.laid_out = None  # type: ignore[attr-defined]
        tensor.from_data = not made_of_nothing  # type: ignore[attr-defined]
        if len(reads) == 1 and not written and fingerprint(tensor).matches(fingerprint(reads[0])):
            tensor.laid_out = reads[0]  # type: ignore[attr-defined]


def made_at(tensor: Tensor) -> str:
    """The place that made it; empty for what came from outside, or from a hidden place."""
    return str(getattr(tensor, "made_at", ""))


def is_data(tensor: Tensor) -> bool:
    """Does it depend on the inputs? Parameters do not, nor what is made of them alone."""
    return not isinstance(tensor, nn.Parameter) and bool(getattr(tensor, "from_data", True))


def in_other_layouts(tensor: Tensor) -> Iterator[Tensor]:
    """Itself, and then the tensors in front of it that hold the same numbers."""
    each: Tensor | None = tensor
    while each is not None:
        yield each
        each = getattr(each, "laid_out", None)


def fingerprint(tensor: Tensor) -> Fingerprint:
    """Its numbers now; they are looked at once, as long as nothing writes to it."""
    version = 0 if tensor.is_inference() else tensor._version
    known: Any = getattr(tensor, "numbers", None)
    if known is None or known[0] != version or tensor.is_inference():
        known = version, Fingerprint.of(tensor.detach().numpy())
        tensor.numbers = known  # type: ignore[attr-defined]
    found: Fingerprint = known[1]
    return found
