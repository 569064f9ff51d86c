"""Files made to mislead: each is refused in one line that says what is wrong."""

from __future__ import annotations

import pickle
import zipfile
from pathlib import Path

import h5py
import numpy as np
import pytest
import tensorflow as tf

from port.errors import InputError
from port.sources import open_source
from tests.port.sources import crafting, published
from tests.port.sources.refusal import assert_refused, read_all

FULL = {"extent": [{}]}


def rows(start: int, length: int) -> dict[str, list[dict[str, int]]]:
    return {"extent": [{"start": start, "length": length}]}


ENTRIES = {
    "negative size": (crafting.entry([-2]), "negative size"),
    "overflow": (crafting.entry([1 << 62, 1 << 62]), "overflows"),
    "overflow hidden by an empty axis": (crafting.entry([0, 1 << 62, 4], size=0), "overflows"),
    "another size": (crafting.entry([3]), r"shape \[3\] of float32, which is not the 8 bytes"),
    "a huge shape": (crafting.entry([1 << 40], size=8), "which is not the 8 bytes"),
    "too many axes": (crafting.entry([1] * 33, size=4), "33 axes"),
    "no rank": (crafting.entry(None), "no shape"),
    "beyond the file": (crafting.entry(offset=4), "8 bytes, but tensor 'w' should end at byte 12"),
    "far beyond": (crafting.entry(offset=2**62), "should end at byte"),
    "huge and beyond": (crafting.entry([2**26], size=2**28), "should end at byte"),
    "larger than any weight": (crafting.entry([2**38], size=2**40), "takes 1,099,511,627,776 byt"),
    "negative place": (crafting.entry(offset=-8), "negative place"),
    "negative bytes": (crafting.entry(size=-8), "negative place or size"),
    "unknown type": (crafting.entry(dtype=99), "data type 99"),
    "no weight's type": (crafting.entry(dtype=21), "data type variant"),
    "reference type": (crafting.entry(dtype=101), "data type 101"),
    "another data file": (crafting.entry(shard_id=1), "data file 1 of 1"),
    "negative data file": (crafting.entry(shard_id=-1), "data file -1 of 1"),
    "bad checksum": (crafting.entry(crc32c=1), "tensor 'w' fails its checksum"),
    "too many strings": (crafting.entry([1 << 40], dtype=7), "too many strings"),
    "strings too long": (crafting.entry([3], dtype=7), "lengths do not add up"),
    "parts that are not there": (crafting.entry(slices=[rows(0, 2)]), "lacks one of its parts"),
    "parts with a gap": (crafting.entry(slices=[rows(1, 1)]), "overlap or leave a gap"),
    "parts that overlap": (crafting.entry(slices=[FULL, FULL]), "overlap or leave a gap"),
    "parts outside": (crafting.entry(slices=[rows(0, 3)]), "outside the whole"),
    "parts of negative length": (crafting.entry(slices=[rows(1, -1)]), "outside the whole"),
    "parts of another rank": (crafting.entry(slices=[{}]), "another number of axes"),
    "parts both ways": (
        crafting.entry([2, 2], slices=[{"extent": [{"length": 1}, {"length": 1}]}]),
        "several axes",
    ),
}


@pytest.mark.parametrize("case", ENTRIES)
def test_a_record_that_cannot_be_is_refused(tmp_path: Path, case: str) -> None:
    proto, problem = ENTRIES[case]
    assert_refused(crafting.checkpoint(tmp_path / "model", crafting.one(proto)), problem)


WEIGHT = crafting.entry().SerializeToString()
INDEXES = {
    "one name twice": (
        crafting.table([crafting.header(), *[crafting.record(0, b"w", WEIGHT)] * 2]),
        "lists b'w' twice",
    ),
    "tensors that overlap": (
        crafting.table([crafting.header(), *(crafting.record(0, k, WEIGHT) for k in (b"v", b"w"))]),
        "overlaps another",
    ),
    "a name that is no text": (crafting.one(crafting.entry(), b"\xff"), "not UTF-8"),
    "a name of two lines": (crafting.one(crafting.entry([3]), b"a\nb\r\x0b"), "which is not the 8"),
    "no tensors": (crafting.table([crafting.header()]), "holds no tensors"),
    "no header": (crafting.table([crafting.record(0, b"w", WEIGHT)]), "lacks the header"),
    "nothing": (crafting.table([]), "lacks the header"),
    "big-endian": (crafting.table([crafting.header(endianness=1)]), "big-endian"),
    "a later format": (crafting.table([crafting.header(version={"min_consumer": 2})]), "format 2"),
    "no data files": (crafting.table([crafting.header(num_shards=-1)]), "-1 data files"),
    "too many data files": (
        crafting.table([crafting.header(num_shards=2**31 - 1)]),
        "model.data-00000-of-2147483647: no such file",
    ),
    "snappy": (crafting.table([crafting.header()], compression=1), "snappy"),
    "unknown compression": (crafting.table([crafting.header()], compression=9), "compression 9"),
    "too many restarts": (crafting.table([crafting.header()], restarts=2**31), "restarts"),
    "a damaged record": (
        crafting.table([crafting.header(), crafting.record(0, b"w", b"\x08")]),
        "damaged BundleEntry",
    ),
    "a record past its block": (crafting.table([crafting.header(), b"\0\x70\0"]), "runs past"),
    "one block many times": (crafting.table([crafting.header()], listed=9999), "block twice"),
    "a number cut short": (crafting.table([b"\xff"]), "a length runs past the end|past its block"),
    "a number of 65 bits": (crafting.table([b"\xff" * 9 + b"\x7f"]), "longer than 64 bits"),
    "an endless number": (crafting.table([b"\xff" * 11]), "longer than 64 bits"),
    "names that grow": (
        crafting.table(
            [crafting.header(), crafting.record(0, b"n" * (1 << 15), b"")]
            + [crafting.record((1 << 15) + n, b"n", b"") for n in range(1 << 14)]
        ),
        "far more than a checkpoint writes",
    ),
    "an object graph that is a number": (
        crafting.one(crafting.entry(), b"_CHECKPOINTABLE_OBJECT_GRAPH"),
        "object graph that is no string",
    ),
    "a footer alone": (
        crafting.table([crafting.record(0, b"", bytes(99))])[-48:],
        "points past its own end",
    ),
    "an empty footer": (b"\0" * 40 + crafting.table([])[-8:], "fails its checksum"),
    "no footer": (b"w" * 100, "cut short or no index"),
}


@pytest.mark.parametrize("case", INDEXES)
def test_an_index_that_misleads_is_refused(tmp_path: Path, case: str) -> None:
    index, problem = INDEXES[case]
    assert_refused(crafting.checkpoint(tmp_path / "model", index), problem, len(index))


def test_a_part_of_another_shape_is_refused(tmp_path: Path) -> None:
    whole = crafting.entry(slices=[rows(0, 2)])
    key = b"\0w\0\1\1\1\x80\x82"  # the ordered code of "w", one axis, rows 0 and 2 on
    records = [(key, crafting.entry([1, 2])), (b"w", whole)]
    index = crafting.table(
        [crafting.header(), *(crafting.record(0, k, v.SerializeToString()) for k, v in records)]
    )
    problem = "part of another type or shape"
    assert_refused(crafting.checkpoint(tmp_path / "model", index), problem)


def test_a_damaged_object_graph_is_refused(tmp_path: Path) -> None:
    graph = {"_CHECKPOINTABLE_OBJECT_GRAPH": np.array("\x0a\x7f"), "w": np.ones(1)}
    assert_refused(published.save(tmp_path / "model", graph), "damaged TrackableObjectGraph")


def _zip(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("data.pkl", b"")


def _hdf5(path: Path) -> None:
    with h5py.File(path, "w") as file:
        file["w"] = np.ones(2)


def _v1(path: Path) -> None:
    tf.raw_ops.Save(filename=str(path), tensor_names=["w"], data=[tf.ones(2)])


FILES = {
    "zip": (_zip, "model.ckpt: is a zip archive"),
    "hdf5": (_hdf5, "is an HDF5 file"),
    "pickle": (lambda path: path.write_bytes(pickle.dumps({"w": 1})), "is a Python pickle"),
    "npy": (lambda path: np.save(path.open("wb"), np.ones(2)), "single array"),
    "empty": (lambda path: path.write_bytes(b""), "is no checkpoint"),
    "text": (lambda path: path.write_text("weights"), "is no checkpoint"),
    "version 1": (_v1, "is a V1 checkpoint"),
    "nothing": (lambda path: None, "no such file"),
    "empty folder": (Path.mkdir, "holds no checkpoint"),
}


@pytest.mark.parametrize("case", FILES)
def test_something_else_is_named_for_what_it_is(tmp_path: Path, case: str) -> None:
    write, problem = FILES[case]
    write(tmp_path / "model.ckpt")
    assert_refused(tmp_path / "model.ckpt", problem)


@pytest.mark.parametrize("path", ["/dev/zero", "no\0path", "/" + "n" * 5000])
def test_a_path_that_is_no_file_is_refused(path: str) -> None:
    with pytest.raises(InputError, match=": "):
        open_source(path)


FOLDERS = {
    "several checkpoints": (
        {"a.index": b"", "b.index": b""},
        r"2 checkpoints \(a.index, b.index\)",
    ),
    "stale state": ({"checkpoint": b'model_checkpoint_path: "gone"'}, "'gone', which is gone"),
    "state of nowhere": ({"checkpoint": b'model_checkpoint_path: "/"'}, "'/', which is gone"),
    "empty state": ({"checkpoint": b""}, "no model_checkpoint_path"),
    "damaged state": ({"checkpoint": b"\xff{{{{"}, "is no CheckpointState text"),
    "endless state": ({"checkpoint": b"#" * ((1 << 20) + 1)}, "state file has at most"),
    "state of a V1 checkpoint": (
        {"checkpoint": b'model_checkpoint_path: "old"', "old": b"w"},
        "old: is a V1 checkpoint",
    ),
    "SavedModel without variables": ({"saved_model.pb": b""}, "SavedModel without variables"),
}


@pytest.mark.parametrize("case", FOLDERS)
def test_a_folder_that_names_no_checkpoint_is_refused(tmp_path: Path, case: str) -> None:
    files, problem = FOLDERS[case]
    folder = tmp_path / "run"
    folder.mkdir()
    for name, content in files.items():
        (folder / name).write_bytes(content)
    assert_refused(folder, problem)


def test_what_is_crafted_is_otherwise_sound(tmp_path: Path) -> None:
    prefix = crafting.checkpoint(tmp_path / "model", crafting.one(crafting.entry()))
    assert read_all(prefix) == {"w": b"\0" * 8}
    assert published.read_by_tensorflow(prefix)["w"].tolist() == [0, 0]
