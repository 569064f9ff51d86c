"""TensorFlow's tensor bundle (a V2 checkpoint): an index of tensors, and their bytes in shards.

Format: `tensorflow/core/util/tensor_bundle` and `tensorflow/core/protobuf/tensor_bundle.proto`.
Every entry is checked against the sizes of the shards when the bundle is opened, and every
tensor against its checksum when it is read.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from os import SEEK_END
from pathlib import Path
from typing import Any

import numpy as np

from port.sources.base import TENSOR_BYTES, TensorInfo, naming, open_weights, refuse, too_large
from port.sources.protos import parse
from port.sources.slices import part_key, part_ranges
from port.sources.strings import decode_strings
from port.sources.table import read_table
from port.sources.tensors import checked_shape, dtype_name, numpy_dtype
from port.sources.wire import MalformedError, masked_crc32c
from port.untrusted import MIB

_VERSION = 1
_MOST_RECORDS = 100_000  # each takes a thousand bytes of memory
_STRINGS_BYTES = 16 * MIB  # the object graph, hundreds of bytes a variable
_LITTLE_ENDIAN = 0


@dataclass(frozen=True, slots=True)
class _Entry:
    """Where one tensor is: `size` bytes at `offset` of a shard, or in parts of its own."""

    dtype: np.dtype
    shape: tuple[int, ...]
    shard: int
    offset: int
    size: int
    checksum: int
    parts: tuple[tuple[_Entry, tuple[slice, ...]], ...] = ()


class Bundle:
    """A checkpoint's tensors by key. Nothing but the index stays in memory.

    A tensor is read straight into the array that is returned: there is no second copy, and a
    file that is cut short meanwhile is an error, not the crash that a memory map gives.

    Args:
        prefix: What the files' names start with, such as `model.ckpt-12345`.

    Raises:
        InputError: A file is missing, cut short or damaged, or holds what cannot be read here.

    """

    def __init__(self, prefix: Path) -> None:
        self.index = index_of(prefix)
        with naming(self.index):
            table = read_table(self.index)
            shards = _shard_count(*next(table, (b"", b"")))
            protos: dict[bytes, Any] = {}
            for key, value in table:
                if len(protos) == _MOST_RECORDS:
                    raise MalformedError(f"lists over {_MOST_RECORDS:,} tensors; no net has those")
                protos[key] = parse("BundleEntry", value)
        self.shards = _find_shards(prefix, shards)
        with naming(self.index):
            self._entries = _checked_entries(protos, shards)
        self._check_sizes()

    def infos(self) -> list[TensorInfo]:
        """Return what the index says of every tensor, in its order."""
        return [
            TensorInfo(key, dtype_name(entry.dtype), entry.shape, entry.size, key)
            for key, entry in self._entries.items()
        ]

    def read(self, key: str) -> np.ndarray:
        """Return one tensor's values; strings as `bytes` in an array of dtype object.

        Raises:
            InputError: The bytes cannot be read or fail their checksum.

        """
        entry = self._entries[key]
        if not entry.parts:
            return self._read(key, entry)
        whole = np.empty(entry.shape, entry.dtype)
        for part, where in entry.parts:
            whole[where] = self._read(key, part)
        return whole

    def _read(self, key: str, entry: _Entry) -> np.ndarray:
        """Return the values of a tensor, or of a part, that lies in one piece."""
        strings = entry.dtype.hasobject
        values = np.empty(entry.size, np.uint8) if strings else np.empty(entry.shape, entry.dtype)
        octets = values.reshape(-1).view(np.uint8)
        checked: np.ndarray | bytes = octets
        path = self.shards[entry.shard]
        with naming(path), open_weights(path) as file:
            file.seek(entry.offset)
            if file.readinto(octets.data) != entry.size:
                raise MalformedError(f"was cut short while tensor {key!r} was read; copy it again")
            if strings:
                checked, values = decode_strings(octets.tobytes(), entry.shape)
            if masked_crc32c(checked) != entry.checksum:
                raise MalformedError(f"tensor {key!r} fails its checksum; copy the file again")
        return values

    def _check_sizes(self) -> None:
        """Refuse entries that lie outside their shard, or together are more than it holds."""
        total: Counter[int] = Counter()
        sizes = []
        for path in self.shards:
            with open_weights(path) as file:
                sizes.append(file.seek(0, SEEK_END))
        for key, whole in self._entries.items():
            for entry in [part for part, _ in whole.parts] or [whole]:
                path, size = self.shards[entry.shard], sizes[entry.shard]
                total[entry.shard] += entry.size
                if entry.offset + entry.size > size:
                    raise refuse(
                        path,
                        f"has {size} bytes, but tensor {key!r} should end at byte "
                        f"{entry.offset + entry.size}; it is cut short, copy it again",
                    )
                if total[entry.shard] > size:
                    raise refuse(path, f"tensor {key!r} overlaps another; the index is damaged")


def index_of(prefix: Path) -> Path:
    """Return the index file of the checkpoint whose files start with `prefix`."""
    return prefix.with_name(f"{prefix.name}.index")


def _shard_count(key: bytes, value: bytes) -> int:
    """Return the number of shards that the index's first record states."""
    if key or not value:
        raise MalformedError("lacks the header that a checkpoint's index starts with")
    header = parse("BundleHeader", value)
    if header.endianness != _LITTLE_ENDIAN:
        raise MalformedError("was written on a big-endian machine; write it again on a common one")
    if header.version.min_consumer > _VERSION:
        raise MalformedError(f"needs format {header.version.min_consumer}; only 1 is understood")
    if header.num_shards < 1:
        raise MalformedError(f"states {header.num_shards} data files; it is damaged")
    return int(header.num_shards)


def _find_shards(prefix: Path, count: int) -> list[Path]:
    """Return the data files, which must all be there."""
    shards: list[Path] = []
    for number in range(count):  # stops at the first that is missing, whatever `count` says
        shard = prefix.with_name(f"{prefix.name}.data-{number:05d}-of-{count:05d}")
        if not shard.exists():
            raise refuse(shard, f"no such file, but {prefix.name}.index needs it; copy it too")
        shards.append(shard)
    return shards


def _checked_entries(protos: Mapping[bytes, Any], shards: int) -> dict[str, _Entry]:
    """Return the tensors the index lists, those kept in parts with their parts inside."""
    parts = {part_key(key, part.extent) for key, proto in protos.items() for part in proto.slices}
    entries: dict[str, _Entry] = {}
    for key, proto in protos.items():
        if key in parts:
            continue
        try:
            if proto.slices:
                entries[key.decode()] = _partitioned(key, proto, protos, shards)
            else:
                entries[key.decode()] = _checked_entry(proto, shards)
        except UnicodeDecodeError:
            raise MalformedError(f"names a tensor {key!r}, which is not UTF-8") from None
        except MalformedError as error:
            raise MalformedError(f"tensor {key.decode(errors='replace')!r} {error}") from error
    return entries


def _checked_entry(proto: Any, shards: int) -> _Entry:
    """Return the tensor that an index record describes, its sizes checked against each other."""
    dtype, shape = numpy_dtype(proto.dtype), _shape(proto)
    if not 0 <= proto.shard_id < shards:
        raise MalformedError(f"is in data file {proto.shard_id} of {shards}; the index is damaged")
    if proto.offset < 0 or proto.size < 0:
        raise MalformedError("has a negative place or size; the index is damaged")
    limit = _STRINGS_BYTES if dtype.hasobject else TENSOR_BYTES
    if proto.size > limit:
        raise MalformedError(too_large(proto.size, limit))
    if dtype.hasobject:
        if prod(shape) > proto.size:
            raise MalformedError(
                f"has shape {list(shape)}, too many strings for {proto.size} bytes"
            )
    elif prod(shape) * dtype.itemsize != proto.size:
        raise MalformedError(
            f"has shape {list(shape)} of {dtype.name}, which is not the {proto.size} bytes stored"
        )
    return _Entry(dtype, shape, proto.shard_id, proto.offset, proto.size, proto.crc32c)


def _partitioned(key: bytes, proto: Any, protos: Mapping[bytes, Any], shards: int) -> _Entry:
    """Return the tensor that an index record says is kept in parts, each a record of its own."""
    dtype, shape = numpy_dtype(proto.dtype), _shape(proto)
    parts = []
    for part, where in zip(proto.slices, part_ranges(shape, proto.slices), strict=True):
        record = protos.get(part_key(key, part.extent))
        if record is None:
            raise MalformedError("lacks one of its parts; save it again")
        entry = _checked_entry(record, shards)
        if entry.dtype != dtype or entry.shape != tuple(axis.stop - axis.start for axis in where):
            raise MalformedError("has a part of another type or shape; save it again")
        parts.append((entry, where))
    size = sum(entry.size for entry, _ in parts)
    return _Entry(dtype, shape, 0, 0, size, 0, tuple(parts))


def _shape(proto: Any) -> tuple[int, ...]:
    if proto.shape.unknown_rank:
        raise MalformedError("has no shape; save it again")
    return checked_shape(axis.size for axis in proto.shape.dim)
