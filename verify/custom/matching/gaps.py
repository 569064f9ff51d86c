"""Layers of an original without weights that a wrong port computes otherwise, or not at all.

What they compute is nowhere in the port, so they cannot be recognised by that. But where a module
whose layer is known reads other numbers than that layer, and computes otherwise, something in front
of it is wrong: the layer whose numbers should arrive there is what the port has in its place.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from verify.custom.layouts.fingerprint import Fingerprint
from verify.custom.layouts.guess import fits, gives, likely_layout
from verify.custom.layouts.layout import ACTIVATIONS, Layout, fitting
from verify.custom.matching.traced import fingerprint, in_other_layouts, made_at
from verify.custom.module.operations import behind, input_of, line_of_use
from verify.custom.module.outputs import first_tensor, with_tensor
from verify.custom.originals.original import Call, is_output
from verify.runners.operation import tensors_in
from verify.runners.pytorch import REFUSALS


@dataclass(frozen=True, slots=True)
class Reader:
    """A place of the port that is known to be `call`, and what it read."""

    place: str
    module: nn.Module
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    tensors: Sequence[Tensor]
    call: Call


@dataclass(frozen=True, slots=True)
class Gap:
    """A layer, and the place that ought to compute it.

    `missing`: a sentence, if nothing in the port computes it; `reordered`: what is there reads the
    right numbers, and flattens them in another order.
    """

    tap: str
    place: str
    missing: str = ""
    reordered: bool = False


def gap_in_front(
    reader: Reader,
    calls: Mapping[str, Call],
    values: Mapping[str, Fingerprint],
    left: Sequence[Call],
    places: Mapping[str, str],
    may_be: Callable[[str], bool],
) -> Gap | None:
    """What is wrong in front of `reader`, if that is certain.

    Args:
        reader: computes other numbers than its layer.
        calls: the original's layers at work, by tap.
        values: their numbers.
        left: those that have no place yet, and may be computed without weights.
        places: by place its tap, of what has one.
        may_be: whether what works at a place may be a layer without weights.
    """
    for tensor, source in _suspected(reader, values, left, calls):
        maker = made_at(tensor)
        certain = _right_on(reader, tensor, source)
        if maker and maker not in places:
            other = not values[source.tap].matches(fingerprint(tensor))
            if certain or (fits(source.value, tensor) and other):
                reordered = values[source.tap].reorders(fingerprint(tensor))
                if may_be(maker := _first_maker(tensor, source, places)):
                    return Gap(source.tap, maker, reordered=reordered)
        elif certain and maker and _sole_reader(source, places[maker], calls, values):
            return Gap(source.tap, behind(maker), _missing(source, maker, reader))
        elif certain and reader.place and (maker or _is_input(tensor, calls, values)):
            read = enumerate(tensors_in(reader.args, reader.kwargs), 1)
            number = next(n for n, each in read if each is tensor)
            place = input_of(reader.place, number)
            return Gap(source.tap, place, _missing(source, maker, reader))
    return None


def _missing(source: Call, maker: str, reader: Reader) -> str:
    """What is read in its place, by what, and where."""
    line = line_of_use()
    at = f", {line}" if line and line not in reader.place else ""
    what, who = maker or "the input", reader.place or "the output"
    return f"{source.tap} is not in the port, where {who} reads {what} as it is{at}"


def _first_maker(tensor: Tensor, source: Call, places: Mapping[str, str]) -> str:
    """The place that made its numbers, not what laid them out, if they fit the layer there."""
    fitting_ones = [tensor]
    for each in in_other_layouts(tensor):
        if not fits(source.value, each) or made_at(each) in places or not made_at(each):
            break
        fitting_ones.append(each)
    return made_at(fitting_ones[-1])


def _suspected(
    reader: Reader,
    values: Mapping[str, Fingerprint],
    left: Sequence[Call],
    calls: Mapping[str, Call],
) -> Iterator[tuple[Tensor, Call]]:
    """A tensor that the reader read, and the layer whose numbers it should have been."""
    wrong = _wrong_read(reader, calls, values)
    if wrong is not None:
        tensor, read = wrong
        missing = [call for call in left if values[call.tap].matches(read)]
        fitting_ones = [call for call in missing if fits(call.value, tensor)]
        yield from ((tensor, call) for call in (fitting_ones or missing)[:1])
        return
    for tensor in reader.tensors:  # the right numbers, but for zeros around them, or their shape
        for call in left:
            if values[call.tap].matches(fingerprint(tensor)) and not gives(tensor, call.value):
                yield tensor, call


def _wrong_read(
    reader: Reader, calls: Mapping[str, Call], values: Mapping[str, Fingerprint]
) -> tuple[Tensor, Fingerprint] | None:
    """The one tensor that is not what the layer reads, and the numbers that it should have."""
    reads, wrong = list(reader.call.reads), list[Tensor]()
    for tensor in reader.tensors:
        right = next((read for read in reads if _is_read(tensor, read, calls, values)), None)
        if right is not None:
            reads.remove(right)
        elif tensor.is_floating_point():
            wrong.append(tensor)
    return (wrong[0], reads[0]) if len(wrong) == len(reads) == 1 else None


def _is_read(
    tensor: Tensor,
    read: Fingerprint,
    calls: Mapping[str, Call],
    values: Mapping[str, Fingerprint],
) -> bool:
    """Number by number, if it is known what the read ones are."""
    if not fingerprint(tensor).matches(read):
        return False
    known = [calls[tap] for tap, value in values.items() if value.matches(read)]
    # In a layout that is not known, the numbers must do.
    fitting_ones = [call for call in known if fits(call.value, tensor)]
    return not fitting_ones or any(gives(tensor, call.value) for call in fitting_ones)


def _right_on(reader: Reader, tensor: Tensor, source: Call) -> bool:
    """Would the reader compute what its layer does, if it read what it should?"""
    if is_output(reader.call.tap):
        return True
    if any(reader.module.children()):  # their hooks would tell of work that nobody asked for
        return False
    return any(
        _computes(reader, tensor, torch.from_numpy(layout.to_port(source.value)))
        for layout in _layouts(source, tensor)
    )


def _layouts(source: Call, tensor: Tensor) -> list[Layout]:
    fitting_ones = list(fitting(ACTIVATIONS, source.value.shape, tuple(tensor.shape)))
    return fitting_ones or [likely_layout(source.value.ndim, source.value.ndim)]


def _computes(reader: Reader, tensor: Tensor, right: Tensor) -> bool:
    args, kwargs = with_tensor((reader.args, reader.kwargs), tensor, right)
    try:
        output = first_tensor(reader.module.forward(*args, **kwargs))
    except (*REFUSALS, TypeError):
        return False
    return output is not None and gives(output, reader.call.value)


def _is_input(tensor: Tensor, calls: Mapping[str, Call], values: Mapping[str, Fingerprint]) -> bool:
    """Does a layer read these numbers that no layer has computed?"""
    numbers = fingerprint(tensor)
    read = any(read.matches(numbers) for call in calls.values() for read in call.reads)
    return read and not any(value.matches(numbers) for value in values.values())


def _sole_reader(
    source: Call, before: str, calls: Mapping[str, Call], values: Mapping[str, Fingerprint]
) -> bool:
    """Does nothing but `source` read what `before` computes, but for what hands it on as it is?"""
    value = values[before]
    reading = [
        tap
        for tap, call in calls.items()
        if any(read.matches(value) for read in call.reads) and not values[tap].matches(value)
    ]
    return reading == [source.tap]
