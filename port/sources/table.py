"""The sorted table of keys and values that a checkpoint's `.index` file is.

Format: LevelDB's `doc/table_format.md`, which TensorFlow's `tensorflow/core/lib/io/table`
follows. The file ends in a footer that points at the index block; the index block's values
point at the data blocks; a data block's keys leave out what they share with the key before.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from port.sources.base import naming
from port.sources.wire import MalformedError, masked_crc32c, read_varint
from port.untrusted import MIB, open_regular

MAGIC = (0xDB4775248B80FB57).to_bytes(8, "little")
INDEX_BYTES = 8 * MIB  # some 100 bytes a tensor, so far more than any net has
_FOOTER_BYTES = 48
_TRAILER_BYTES = 5  # one for the compression, four for the checksum
_COMPRESSIONS = {1: "snappy", 2: "zstd"}
# Every sixteenth key is whole, so keys cannot grow more than this on being read.
_RESTART_INTERVAL = 16


def read_table(path: Path) -> Iterator[tuple[bytes, bytes]]:
    """Yield every key and value of the table, in the strictly ascending order they are kept.

    Memory stays within a small multiple of the file.

    Raises:
        InputError: The file is cut short or damaged, or its blocks are compressed.

    """
    with naming(path), open_regular(path, INDEX_BYTES, "a checkpoint's index") as file:
        last: bytes | None = None
        end = 0
        for _, handle in _entries(_read_block(file, *_index_place(file))):
            offset, size = _place(handle)
            if offset < end:  # or a small file could have one block read for ever
                raise MalformedError("lists a block twice or out of order; write it again")
            end = offset + size
            for key, value in _entries(_read_block(file, offset, size)):
                if last is not None and key <= last:
                    raise MalformedError(f"lists {key!r} twice or out of order; write it again")
                last = key
                yield key, value


def _index_place(file: BinaryIO) -> tuple[int, int]:
    """Return where the index block is: the second of the footer's two handles."""
    size = file.seek(0, 2)
    file.seek(max(0, size - _FOOTER_BYTES))
    footer = file.read()
    if len(footer) < _FOOTER_BYTES or not footer.endswith(MAGIC):
        raise MalformedError(
            "does not end as a checkpoint's index does; it is cut short or no index"
        )
    at = 0
    for _ in range(2):  # offset and size of a block that checkpoints leave empty
        _, at = read_varint(footer, at)
    return _place(footer[at:])


def _place(handle: bytes) -> tuple[int, int]:
    """Return the offset and size that a handle points at, written as a varint each."""
    offset, at = read_varint(handle, 0)
    size, _ = read_varint(handle, at)
    return offset, size


def _read_block(file: BinaryIO, offset: int, size: int) -> bytes:
    """Return the content of a block, after checking its checksum and compression."""
    if offset + size + _TRAILER_BYTES > file.seek(0, 2):
        raise MalformedError("points past its own end; it is cut short or damaged, copy it again")
    file.seek(offset)
    block = file.read(size + 1)
    checksum = file.read(4)
    if masked_crc32c(block) != int.from_bytes(checksum, "little"):
        raise MalformedError(f"fails its checksum at byte {offset}; it is damaged, copy it again")
    if block[-1] != 0:
        name = _COMPRESSIONS.get(block[-1], f"compression {block[-1]}")
        raise MalformedError(
            f"is compressed with {name}; write it again uncompressed, as Saver does"
        )
    return block[:-1]


def _entries(block: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield the keys and values of a block, each key made whole again."""
    end = len(block) - 4 * (1 + int.from_bytes(block[-4:], "little"))
    if end < 0:
        raise MalformedError("holds a block without its list of restarts")
    at, key, unpacked = 0, b"", 0
    while at < end:
        shared, at = read_varint(block, at)
        unshared, at = read_varint(block, at)
        length, at = read_varint(block, at)
        if shared > len(key) or at + unshared + length > end:
            raise MalformedError("holds an entry that runs past its block")
        key = key[:shared] + block[at : at + unshared]
        at += unshared
        unpacked += len(key)
        if unpacked > _RESTART_INTERVAL * len(block):
            raise MalformedError("holds names that unpack to far more than a checkpoint writes")
        yield key, block[at : at + length]
        at += length
