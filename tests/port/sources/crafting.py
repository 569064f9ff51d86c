"""Checkpoints that TensorFlow would never write, with checksums that hold.

A reader must stand up to these, not only to accidents that a checksum catches.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from pathlib import Path

from tensorflow.core.protobuf import tensor_bundle_pb2

from port.sources.wire import masked_crc32c

FLOAT = 1


def varint(value: int) -> bytes:
    groups = [value >> shift & 0x7F for shift in range(0, max(value.bit_length(), 1), 7)]
    return bytes([group | 0x80 for group in groups[:-1]] + groups[-1:])


def record(shared: int, key: bytes, value: bytes) -> bytes:
    return varint(shared) + varint(len(key)) + varint(len(value)) + key + value


def table(
    records: Sequence[bytes], compression: int = 0, restarts: int = 1, listed: int = 1
) -> bytes:
    """Return a table of one data block that holds these records, listed in its index."""

    def block(content: bytes, kind: int) -> bytes:
        content += struct.pack("<II", 0, restarts) + bytes([kind])
        return content + struct.pack("<I", masked_crc32c(content))

    data = block(b"".join(records), compression)
    handle = varint(0) + varint(len(data) - 5)
    index = block(record(0, b"\xff", handle) * listed, 0)
    footer = varint(0) * 2 + varint(len(data)) + varint(len(index) - 5)
    return data + index + footer.ljust(40, b"\0") + (0xDB4775248B80FB57).to_bytes(8, "little")


def entry(
    shape: Sequence[int] | None = (2,), **fields: object
) -> tensor_bundle_pb2.BundleEntryProto:
    """Return the record of a float tensor at the start of the first data file."""
    proto = tensor_bundle_pb2.BundleEntryProto(
        **{"dtype": FLOAT, "size": 8, "crc32c": masked_crc32c(b"\0" * 8), **fields}
    )
    proto.shape.unknown_rank = shape is None
    for size in shape or ():
        proto.shape.dim.add(size=size)
    return proto


def header(**fields: object) -> bytes:
    proto = tensor_bundle_pb2.BundleHeaderProto(**{"num_shards": 1, **fields})
    return record(0, b"", proto.SerializeToString())


def checkpoint(prefix: Path, index: bytes, data: bytes = b"\0" * 8) -> Path:
    """Write a checkpoint of one data file."""
    Path(f"{prefix}.index").write_bytes(index)
    Path(f"{prefix}.data-00000-of-00001").write_bytes(data)
    return prefix


def one(proto: tensor_bundle_pb2.BundleEntryProto, key: bytes = b"w") -> bytes:
    """Return the index of a checkpoint of one tensor."""
    return table([header(), record(0, key, proto.SerializeToString())])
