"""Tensors of strings, such as the object graph of a TF2 checkpoint.

Format, from `WriteStringTensor` in `tensorflow/core/util/tensor_bundle/tensor_bundle.cc`: the
lengths as varints, four bytes of checksum of the lengths, the strings one after another.
"""

from __future__ import annotations

from math import prod

import numpy as np

from port.sources.wire import MalformedError, read_varint

_CHECKSUM_BYTES = 4


def decode_strings(data: bytes, shape: tuple[int, ...]) -> tuple[bytes, np.ndarray]:
    """Return what the tensor's checksum is of, and the strings as an array of `bytes` objects.

    The checksum is of the lengths as fixed-width numbers and of all that follows them.

    Raises:
        MalformedError: The lengths and the bytes do not agree.

    """
    lengths, at = [], 0
    for _ in range(prod(shape)):
        length, at = read_varint(data, at)
        lengths.append(length)
    start = at + _CHECKSUM_BYTES
    if start + sum(lengths) != len(data):
        raise MalformedError(
            "holds strings whose lengths do not add up; it is damaged, copy it again"
        )
    fixed = b"".join(length.to_bytes(4 if length < 1 << 32 else 8, "little") for length in lengths)
    strings = np.empty(len(lengths), object)
    for number, length in enumerate(lengths):
        strings[number] = data[start : start + length]
        start += length
    return fixed + data[at:], strings.reshape(shape)
