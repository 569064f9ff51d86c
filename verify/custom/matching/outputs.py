"""Which of the things that a port returns is which of the original's."""

from collections.abc import Mapping

from torch import Tensor

from port.errors import InputError
from verify.custom.layouts.fingerprint import agree
from verify.custom.layouts.nested import told
from verify.custom.module.torch_module import Place, to_original
from verify.custom.originals.original import OUTPUT, Call

# What a structure of transformers' calls that for which a model is there.
LOGITS = "logits"


def pair_outputs(truths: Mapping[str, Call], returned: Mapping[str, Tensor]) -> dict[str, str]:
    """By the original's output taps the names of the port's tensors.

    By their names, of which the port may have more; else by their order, if there are as many and
    one side has no names.

    Raises:
        InputError: neither says it.
    """
    its = [tap.partition("/")[2] for tap in truths]
    if all(name in returned for name in its):
        return dict(zip(truths, its, strict=True))
    if list(truths) == [OUTPUT] and LOGITS in returned:
        return {OUTPUT: LOGITS}
    if len(its) == len(returned) and (_numbered(its) or _numbered(returned)):
        return dict(zip(truths, returned, strict=True))
    shapes = {name: call.value for name, call in zip(its, truths.values(), strict=True)}
    raise InputError(
        f"outputs: the original returns {told(shapes)}; the port {told(returned)}. Say which is "
        f"which: forward=lambda port, x: {_line(its)}, where y = port(*x.values())"
    )


def outputs_agree(
    places: Mapping[str, Place],
    truths: Mapping[str, Call],
    returned: Mapping[str, Tensor],
    within: float,
) -> bool:
    """Is all that the port returns what the original does, up to rounding?

    `within` is `closeness(port)`.
    """
    return all(
        places[tap].output in returned
        and agree(
            to_original(returned[places[tap].output], places[tap].layout),
            call.value,
            call.within(within),
        )
        for tap, call in truths.items()
    )


def _numbered(names: object) -> bool:
    """Are they the numbers of a list or tuple, or is it a tensor alone?"""
    assert isinstance(names, list | Mapping)
    return all(part.isdigit() for name in names for part in name.split("/") if part)


def _line(names: list[str]) -> str:
    if names == [""]:
        return "y[0]"
    if _numbered(names):
        return f"({', '.join('y[…]' for _ in names)})"
    return "{" + ", ".join(f"{name!r}: y[…]" for name in names) + "}"
