"""Sound files of absurd sizes are refused before memory is taken for them."""

import os
import struct
from pathlib import Path

import numpy as np
import pytest

from port.sources.base import FILE_BYTES, TENSOR_BYTES, unpack_limit
from tests.port.sources import crafting
from tests.port.sources.refusal import assert_refused

FLOATS = TENSOR_BYTES // 4 + 1


def test_a_tensor_larger_than_any_is_refused_though_its_shard_is_there(tmp_path: Path) -> None:
    proto = crafting.entry([FLOATS], size=4 * FLOATS)
    prefix = crafting.checkpoint(tmp_path / "model", crafting.one(proto))
    os.truncate(f"{prefix}.data-00000-of-00001", 4 * FLOATS)
    assert_refused(prefix, "takes 536,870,916 bytes; .* at most 536,870,912")


def test_strings_larger_than_any_object_graph_are_refused(tmp_path: Path) -> None:
    proto = crafting.entry([1], size=(16 << 20) + 1, dtype=7)
    prefix = crafting.checkpoint(tmp_path / "model", crafting.one(proto))
    os.truncate(f"{prefix}.data-00000-of-00001", (16 << 20) + 1)
    assert_refused(prefix, "takes 16,777,217 bytes")


@pytest.mark.parametrize("size", [FILE_BYTES + 1, 100 << 30])
def test_a_shard_larger_than_any_is_refused(size: int, tmp_path: Path) -> None:
    prefix = crafting.checkpoint(tmp_path / "model", crafting.one(crafting.entry()))
    os.truncate(f"{prefix}.data-00000-of-00001", size)
    assert_refused(prefix, "data-00000-of-00001: .* at most 4,294,967,296")


def test_more_tensors_than_any_net_has_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("port.sources.bundle._MOST_RECORDS", 2)
    weight = crafting.entry(size=0, shape=[0], crc32c=0).SerializeToString()
    records = [crafting.record(0, bytes([97 + n]), weight) for n in range(3)]
    index = crafting.table([crafting.header(), *records])
    assert_refused(crafting.checkpoint(tmp_path / "model", index), "over 2 tensors")


def test_an_archive_whose_list_fills_memory_is_refused(tmp_path: Path) -> None:
    """The list, of zeros here, would be read whole, as long as the end of the file says it is."""
    path, length = tmp_path / "w.npz", 3 << 30
    with path.open("wb") as file:
        file.truncate(length)
        file.seek(length)
        file.write(struct.pack("<4sHHHHIIH", b"PK\5\6", 0, 0, 1, 1, length, 0, 0))
    assert_refused(path, "list of arrays is far too long")


def test_an_array_larger_than_any_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("port.sources.base.TENSOR_BYTES", 8)
    np.savez(tmp_path / "w.npz", w=np.zeros(3, np.float32))
    assert_refused(tmp_path / "w.npz", "w.npz: tensor 'w' takes 12 bytes")


def test_a_node_larger_than_any_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "graph.pb"
    length = TENSOR_BYTES + (2 << 20)
    path.write_bytes(b"\x0a" + crafting.varint(length))
    os.truncate(path, path.stat().st_size + length)
    assert_refused(path, "a node that takes")


def test_an_archive_may_not_unpack_to_more_than_a_file_may_have() -> None:
    assert unpack_limit(1 << 10) == 64 << 20
    assert unpack_limit(FILE_BYTES) == FILE_BYTES
