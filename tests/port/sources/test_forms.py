"""Every form reads bit for bit as TensorFlow reads it, with TensorFlow and without."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import tracemalloc
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

import port.errors
from port.sources import Source, open_source
from tests.port.sources import published

FORMS = (
    "prefix",
    "index path",
    "data path",
    "folder with one index",
    "folder with a relative state file",
    "folder with a stale absolute state file",
    "three shards",
    "partitioned",
    "TF1 SavedModel",
    "saved_model.pb",
    "hub module",
    "hub archive",
    "checkpoint archive",
    "frozen graph",
    "folded graph",
    "TF2 checkpoint",
    "TF2 SavedModel",
    "npz",
    "npz of another byte order",
)

WITHOUT_TENSORFLOW = """
import hashlib, json, sys

class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("tensorflow", "keras", "tensorboard"):
            raise ImportError(name + " must not be needed")

sys.meta_path.insert(0, Refuse())
from port.sources import open_source

def digest(path):
    with open_source(path) as source:
        return {
            name: [value.dtype.name, list(value.shape), hashlib.sha256(value.tobytes()).hexdigest()]
            for name, value in source.items()
        }

print(json.dumps({form: digest(path) for form, path in json.load(sys.stdin).items()}))
"""


def assert_same(actual: Mapping[str, np.ndarray], expected: Mapping[str, np.ndarray]) -> None:
    assert set(actual) == set(expected)
    for name, value in expected.items():
        read = actual[name]
        assert (read.dtype, read.shape) == (value.dtype, value.shape), name
        assert read.tobytes() == value.tobytes(), name


@pytest.mark.parametrize("form", FORMS)
def test_a_form_reads_as_tensorflow_reads_it(forms: dict[str, published.Form], form: str) -> None:
    path, kind, expected = forms[form].path, forms[form].kind, forms[form].expected
    with open_source(path) as source:
        assert (source.path, source.kind) == (path, kind)
        assert_same(source, expected)
        for info in source.infos():
            value = source[info.name]
            assert info == source.info(info.name)
            assert (info.dtype, info.shape) == (value.dtype.name, value.shape)
            assert info.nbytes == value.nbytes
            assert value.flags.writeable
            assert value.flags.c_contiguous
        assert all(file.is_file() for file in source.files())


def test_forms_are_all_tested(forms: dict[str, published.Form]) -> None:
    assert set(FORMS) == set(forms)


def test_tensorflow_is_not_needed(forms: dict[str, published.Form]) -> None:
    run = subprocess.run(
        [sys.executable, "-c", WITHOUT_TENSORFLOW],
        input=json.dumps({name: str(form.path) for name, form in forms.items()}),
        cwd=Path(port.errors.__file__).parents[1],
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    for name, digests in json.loads(run.stdout).items():
        assert digests == {
            key: [value.dtype.name, list(value.shape), hashlib.sha256(value.tobytes()).hexdigest()]
            for key, value in forms[name].expected.items()
        }


names = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1)
arrays = st.builds(
    lambda dtype, shape: np.ones(shape, tf.as_dtype(dtype).as_numpy_dtype),
    st.sampled_from(published.DTYPES),
    st.lists(st.integers(0, 4), max_size=5),
)


@settings(max_examples=60)
@given(tensors=st.dictionaries(names, arrays, min_size=1, max_size=40))
def test_any_names_and_shapes_read_back(
    tmp_path_factory: pytest.TempPathFactory, tensors: dict[str, np.ndarray]
) -> None:
    prefix = published.save(tmp_path_factory.mktemp("any") / "model", tensors)
    with open_source(prefix) as source:
        assert_same(source, tensors)
        assert list(source) == sorted(tensors, key=str.encode)


def test_strings_are_bytes(tmp_path: Path) -> None:
    words = np.array([["", "a"], ["ü" * 200, "\0\xff"]], object)
    prefix = published.save(tmp_path / "model", {"words": words, "word": np.array("x" * 5000)})
    with open_source(prefix) as source:
        assert source.info("words").dtype == "string"
        assert source["words"].tolist() == [[w.encode() for w in row] for row in words]
        assert source["word"].item() == b"x" * 5000


def test_object_paths_stay_reachable(forms: dict[str, published.Form]) -> None:
    with open_source(forms["TF2 SavedModel"].path) as source:
        assert source.info("net/w").stored_as == "w/.ATTRIBUTES/VARIABLE_VALUE"


def test_an_archive_leaves_nothing_behind(
    forms: dict[str, published.Form], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with open_source(forms["hub archive"].path) as source:
        unpacked = {file.name for file in tmp_path.rglob("*") if file.is_file()}
        assert "labels.txt" not in unpacked
        assert source.files() == [source.path]
    assert not list(tmp_path.iterdir())


def test_reading_holds_one_tensor_at_a_time(tmp_path: Path) -> None:
    tensors = {f"w{n}": np.ones((1 << 18, 4), np.float32) for n in range(8)}
    prefix = published.save(tmp_path / "model", tensors)
    tracemalloc.start()
    try:
        with open_source(prefix) as source:
            for name in source:
                source[name]
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 4 * (1 << 20) + (1 << 20)


def test_asking_for_a_name_reads_nothing(forms: dict[str, published.Form]) -> None:
    class Unread(Source):
        def _read(self, info: object) -> np.ndarray:
            raise AssertionError("read")

    with open_source(forms["prefix"].path) as real:
        source = Unread(real.path, real.kind, real.infos(), real.files())
    assert "v:0" in source
    assert "absent" not in source
    assert len(source) == len(source.infos())
    with pytest.raises(KeyError):
        source["absent"]
