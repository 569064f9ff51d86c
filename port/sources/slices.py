"""Variables that were kept in parts (`tf.compat.v1` partitioners): where each part belongs.

Formats: `tensorflow/core/framework/tensor_slice.h`; the keys of parts are written as
`EncodeTensorNameSlice` in `tensorflow/core/util/saved_tensor_slice_util.cc` does, in the
ordered code of `tensorflow/core/lib/strings/ordered_code.h`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from port.sources.wire import MalformedError

_WHOLE_AXIS = -1


def part_key(name: bytes, extents: Sequence[Any]) -> bytes:
    """Return the key under which the part of variable `name` with these extents is stored."""
    escaped = re.sub(rb"[\0\xff]", lambda byte: byte[0] + bytes([255 - byte[0][0]]), name)
    key = b"\0" + escaped + b"\0\1" + _unsigned(len(extents))
    for extent in extents:
        whole = not extent.HasField("length")
        key += _signed(0 if whole else extent.start)
        key += _signed(_WHOLE_AXIS if whole else extent.length)
    return key


def part_ranges(shape: tuple[int, ...], slices: Sequence[Any]) -> list[tuple[slice, ...]]:
    """Return the index of each part in the whole, after checking that together they make it up.

    Args:
        shape: Of the whole variable.
        slices: The parts' `TensorSlice` messages.

    Raises:
        MalformedError: The parts do not follow one another along one axis from end to end.

    """
    spans = [_spans(shape, part.extent) for part in slices]
    cut = [axis for axis, size in enumerate(shape) if any(s[axis] != (0, size) for s in spans)]
    if len(cut) > 1:
        raise MalformedError("is partitioned along several axes; save it again unpartitioned")
    if cut:
        ends = [0, *(stop for _, stop in sorted(span[cut[0]] for span in spans))]
        starts = [*(start for start, _ in sorted(span[cut[0]] for span in spans)), shape[cut[0]]]
        complete = starts == ends
    else:
        complete = len(spans) == 1
    if not complete:
        raise MalformedError("has parts that overlap or leave a gap")
    return [tuple(slice(start, stop) for start, stop in span) for span in spans]


def _spans(shape: tuple[int, ...], extents: Sequence[Any]) -> list[tuple[int, int]]:
    """Return where on each axis a part starts and stops."""
    if len(extents) != len(shape):
        raise MalformedError("has a part with another number of axes than the whole")
    spans = []
    for size, extent in zip(shape, extents, strict=True):
        whole = not extent.HasField("length")
        start, length = (0, size) if whole else (extent.start, extent.length)
        if not 0 <= start <= start + length <= size:
            raise MalformedError("has a part that lies outside the whole")
        spans.append((start, start + length))
    return spans


def _unsigned(value: int) -> bytes:
    """Return the ordered code of a number that is not negative: its length, then its bytes."""
    length = (value.bit_length() + 7) // 8
    return bytes([length]) + value.to_bytes(length, "big")


def _signed(value: int) -> bytes:
    """Return the ordered code of a signed number.

    It is two's complement in as few bytes as hold seven bits each, with as many leading ones
    as there are bytes: flipping these bits makes positive numbers sort after negative ones.
    """
    length = (value if value >= 0 else ~value).bit_length() // 7 + 1
    number = value & ((1 << 8 * length) - 1)
    header = ((1 << length) - 1) << (7 * length)
    return (number ^ header).to_bytes(length, "big")
