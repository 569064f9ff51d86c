"""Packed files made to mislead: tar archives, zip archives and graphs."""

from __future__ import annotations

import gzip
import io
import struct
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from port.errors import InputError
from port.sources import open_source
from tests.port.sources import published
from tests.port.sources.refusal import assert_refused, read_all


def add(tar: tarfile.TarFile, name: str, content: bytes = b"", **fields: object) -> None:
    member = tarfile.TarInfo(name)
    member.size = len(content)
    for field, value in fields.items():
        setattr(member, field, value)
    tar.addfile(member, io.BytesIO(content))


def tar_of(name: str, **fields: object) -> Callable[[Path], None]:
    def write(path: Path) -> None:
        with tarfile.open(path, "w:gz") as tar:
            add(tar, "saved_model.pb")
            add(tar, name, **fields)

    return write


def zeros(path: Path, length: int) -> None:
    """Write a gzip of a tar whose first header states `length` bytes of zeros, all there."""
    member = tarfile.TarInfo("variables/variables.index")
    member.size = length
    with gzip.open(path, "wb", compresslevel=1) as file:
        file.write(member.tobuf())
        for _ in range(length >> 20):
            file.write(bytes(1 << 20))


def long_header(path: Path) -> None:
    """Write a tar whose extended header, which tarfile reads whole, is all zeros."""
    member = tarfile.TarInfo("././@PaxHeader")
    member.type, member.size = tarfile.XHDTYPE, 32 << 20
    with gzip.open(path, "wb", compresslevel=1) as file:
        file.write(member.tobuf())
        for _ in range(member.size >> 20):
            file.write(bytes(1 << 20))


def many_members(path: Path) -> None:
    with gzip.open(path, "wb", compresslevel=1) as file:
        file.write(tarfile.TarInfo("m").tobuf() * 10_001)


def negative_size(path: Path) -> None:
    with tarfile.open(path, "w", format=tarfile.GNU_FORMAT) as tar:
        add(tar, "saved_model.pb")
        tar.fileobj.write(_negative("variables/variables.index"))


def _negative(name: str) -> bytes:
    buffer = bytearray(tarfile.TarInfo(name).tobuf(tarfile.GNU_FORMAT))
    buffer[124:136] = b"\xff" * 10 + b"\xfe\x00"  # -512
    buffer[148:156] = b" " * 8
    buffer[148:156] = b"%06o\0 " % sum(buffer[:512])
    return bytes(buffer)


def outside(path: Path) -> None:
    save = published.save(path.parent / "elsewhere" / "model", {"w": np.ones(1)})
    state = f'model_checkpoint_path: "{save}"'.encode()
    with tarfile.open(path, "w:gz") as tar:
        add(tar, "checkpoint", state)


TARS = {
    "absolute": (tar_of("/tmp/variables/x"), "'/tmp/variables/x' would be unpacked outside"),
    "upwards": (tar_of("a/../../variables/x"), "unpacked outside its folder"),
    "upwards, not wanted": (tar_of("../notes.txt"), "unpacked outside its folder"),
    "symbolic link": (
        tar_of("variables/variables.index", type=tarfile.SYMTYPE, linkname="/etc/passwd"),
        "is a link",
    ),
    "hard link": (
        tar_of("variables/variables.index", type=tarfile.LNKTYPE, linkname="saved_model.pb"),
        "is a link",
    ),
    "device": (tar_of("variables/x", type=tarfile.CHRTYPE, devmajor=1, devminor=5), "is a device"),
    "pipe": (tar_of("variables/x", type=tarfile.FIFOTYPE), "is a device or other special"),
    "twice": (tar_of("saved_model.pb"), "File exists"),
    "file as folder": (tar_of("saved_model.pb/variables/x"), "File exists|Not a directory"),
    "two lines": (tar_of("../a\nb"), "unpacked outside"),
    "no text": (tar_of("../\udcff"), "unpacked outside"),
    "no weights": (tar_of("notes.txt"), "SavedModel without variables"),
    "bomb": (lambda path: zeros(path, 80 << 20), "states 83886080 bytes, far more than weights"),
    "bomb in a header": (long_header, "far more than weights"),
    "many members": (many_members, "over 10000 members"),
    "negative size": (negative_size, "no sound tar|far more|SavedModel without"),
    "checkpoint outside": (outside, "names a checkpoint outside itself"),
    "not packed": (lambda path: path.write_bytes(b"weights"), "no sound tar archive"),
    "empty": (lambda path: path.write_bytes(b""), "no sound tar archive"),
    "a damaged gzip": (
        lambda path: path.write_bytes(b"\x1f\x8b" + b"\0" * 99),
        "cannot be read|no sound",
    ),
}


@pytest.mark.parametrize("case", TARS)
def test_a_tar_that_misleads_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, case: str
) -> None:
    unpacked = tmp_path / "unpacked"
    unpacked.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(unpacked))
    write, problem = TARS[case]
    path = tmp_path / "model.tar.gz"
    write(path)
    assert_refused(path, problem, path.stat().st_size)
    assert not list(unpacked.iterdir())


def test_a_tar_cut_short_is_refused(forms: dict[str, published.Form], tmp_path: Path) -> None:
    for form in ("hub archive", "checkpoint archive"):
        whole = forms[form].path.read_bytes()
        path = tmp_path / forms[form].path.name
        for size in range(0, 3 * len(whole) // 4, len(whole) // 12):
            path.write_bytes(whole[:size])
            with pytest.raises(InputError, match=f"^{path}"):
                read_all(path)


def npz(path: Path, name: str, content: bytes, kind: int = zipfile.ZIP_DEFLATED) -> None:
    with zipfile.ZipFile(path, "w", kind) as archive:
        archive.writestr(name, content)


def npy(shape: str, descr: str = "<f4", length: int = 8, version: bytes = b"\1\0") -> bytes:
    header = f"{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}}}\n".encode()
    return b"\x93NUMPY" + version + struct.pack("<H", len(header)) + header + bytes(length)


def pickled(path: Path) -> None:
    np.savez(path, w=np.array([{"a": 1}], object))


def twice(path: Path) -> None:
    np.savez(path, **{"w": np.ones(1), "w:0": np.ones(1)})


NPZS = {
    "a pickle": (pickled, "'w' has type object"),
    "strings": (lambda p: np.savez(p, w=np.array("a")), "has type <U1"),
    "bfloat16": (lambda p: npz(p, "w.npy", npy("(4,)", "<V2")), "has type |V2"),
    "one name twice": (twice, "two tensors called 'w'"),
    "a huge shape": (lambda p: npz(p, "w.npy", npy("(1099511627776,)")), "not the 8 bytes"),
    "overflow": (
        lambda p: npz(p, "w.npy", npy(f"({1 << 62}, 0, {1 << 62})", "<f4", 0)),
        "overflow",
    ),
    "negative size": (lambda p: npz(p, "w.npy", npy("(-2,)")), "negative size"),
    "bytes left over": (lambda p: npz(p, "w.npy", npy("(1,)")), "not the 8 bytes"),
    "no shape": (lambda p: npz(p, "w.npy", npy("'two'")), "shape is not valid"),
    "code for a shape": (lambda p: npz(p, "w.npy", npy("exit()")), "cannot be read"),
    "deep nesting": (lambda p: npz(p, "w.npy", npy("(" * 5000)), "cannot be read"),
    "later version": (lambda p: npz(p, "w.npy", npy("(2,)", version=b"\3\0")), "npy format"),
    "no array": (lambda p: npz(p, "data.pkl", b""), "'data.pkl', which is no array"),
    "empty array file": (lambda p: npz(p, "w.npy", b""), "cannot be read"),
    "bomb": (lambda p: npz(p, "w.npy", bytes(70 << 20)), "would unpack"),
    "another packing": (
        lambda p: npz(p, "w.npy", npy("(2,)"), zipfile.ZIP_LZMA),
        "packed in a way",
    ),
    "no zip": (lambda p: p.write_bytes(b"weights"), "archive cannot be read"),
    "empty": (lambda p: np.savez(p), "holds no tensors"),
}


@pytest.mark.parametrize("case", NPZS)
def test_an_npz_that_misleads_is_refused(tmp_path: Path, case: str) -> None:
    write, problem = NPZS[case]
    path = tmp_path / "model.npz"
    write(path)
    assert_refused(path, problem, path.stat().st_size)


def test_a_damaged_array_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "model.npz"
    np.savez(path, w=np.arange(999.0))
    content = bytearray(path.read_bytes())
    content[4000] ^= 1
    path.write_bytes(content)
    assert_refused(path, "array 'w' cannot be read .*CRC", len(content))


def constant(shape: list[int], times: int = 1, **fields: object) -> Callable[[Path], None]:
    def write(path: Path) -> None:
        graph = tf.compat.v1.GraphDef()
        for _ in range(times):
            tensor = graph.node.add(name="w", op="Const").attr["value"].tensor
            tensor.CopyFrom(type(tensor)(**{"dtype": 1, **fields}))
            for size in shape:
                tensor.tensor_shape.dim.add(size=size)
        path.write_bytes(graph.SerializeToString())

    return write


GRAPHS = {
    "one value for a huge shape": (constant([1 << 36], float_val=[0.0]), "repeated over whole"),
    "no value for a huge shape": (constant([1 << 36]), "repeated over whole"),
    "bytes of another size": (constant([3], tensor_content=b"\0" * 8), "but other values"),
    "too many values": (constant([1], float_val=[0, 0]), "but other values"),
    "negative size": (constant([-1]), "negative size"),
    "overflow": (constant([1 << 62, 4]), "overflows"),
    "one name twice": (constant([1], times=2), "two tensors called 'w'"),
    "no constants": (constant([1], dtype=7), "this frozen graph holds no tensors"),
    "cut short": (lambda p: p.write_bytes(b"\x0a\x7f\x0a"), "cut short"),
    "a damaged node": (lambda p: p.write_bytes(b"\x0a\x02\x0a\x7f"), "damaged Node"),
    "text": (lambda p: p.write_text("node { name: 'w' }"), "no frozen graph"),
    "deep nesting": (lambda p: p.write_bytes(b"\x2a\xff\x01" * 999), "cut short|no tensors"),
}


@pytest.mark.parametrize("case", GRAPHS)
def test_a_graph_that_misleads_is_refused(tmp_path: Path, case: str) -> None:
    write, problem = GRAPHS[case]
    path = tmp_path / "model.pb"
    write(path)
    assert_refused(path, problem, path.stat().st_size)


def test_a_graph_that_changes_while_it_is_open_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "model.pb"
    constant([2], float_val=[1])(path)
    with open_source(path) as source:
        constant([1], float_val=[1])(path)
        with pytest.raises(InputError, match="changed while it was read"):
            source["w"]
