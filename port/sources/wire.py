"""The few bytes every format here is made of: varints, and the checksum.

Formats: Protocol Buffers' "Encoding" page for varints; LevelDB's `util/crc32c.h` for the mask.
"""

from __future__ import annotations

import google_crc32c
import numpy as np


class MalformedError(ValueError):
    """The bytes are not what their format says; whoever knows the file's name adds it."""


def read_varint(data: bytes, at: int) -> tuple[int, int]:
    """Return the varint of at most 64 bits that starts at `at`, and where it ends.

    Raises:
        MalformedError: It runs past the end or is longer than 64 bits.

    """
    value = 0
    for shift in range(0, 70, 7):
        if at >= len(data):
            raise MalformedError("a length runs past the end of its block")
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            if value >= 1 << 64:
                break
            return value, at
    raise MalformedError("a length is longer than 64 bits")


def masked_crc32c(data: bytes | np.ndarray) -> int:
    """Return the crc32c of bytes (or of an array of uint8), masked as it is stored on disk.

    The mask keeps a checksum of data that itself holds checksums from being trivial.
    """
    if isinstance(data, np.ndarray):
        data = data.view()
        data.flags.writeable = False  # the checksum refuses buffers that could change under it
    crc: int = google_crc32c.value(data)
    return (((crc >> 15) | (crc << 17)) + 0xA282EAD8) & 0xFFFFFFFF
