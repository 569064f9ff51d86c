"""Graphs that would do more than to compute numbers are refused in a line, before anything runs."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import tensorflow as tf

from port.errors import InputError
from verify.custom import saved_model, tf1_graph, tf_function

FLOATS = [tf.TensorSpec((None,), tf.float32)]
v1 = tf.compat.v1


class Plain(tf.Module):
    def __init__(self) -> None:
        super().__init__()
        self.factor = tf.Variable(2.0, name="factor")

    @tf.function(input_signature=FLOATS)
    def f(self, x: Any) -> Any:
        return self.factor * x


class Calls(Plain):
    @tf.function(input_signature=FLOATS)
    def f(self, x: Any) -> Any:
        return tf.py_function(lambda a: a * 2, [x], tf.float32)


class Writes(Plain):
    @tf.function(input_signature=FLOATS)
    def f(self, x: Any) -> Any:
        tf.io.write_file("written", "by a graph")
        return self.factor * x


class Reads(Plain):
    @tf.function(input_signature=FLOATS)
    def f(self, x: Any) -> Any:
        return x * tf.strings.to_number(tf.io.read_file("number"))


class Assigns(Plain):
    @tf.function(input_signature=FLOATS)
    def f(self, x: Any) -> Any:
        self.factor.assign_add(1.0)
        return self.factor * x


class LooksUp(Plain):
    def __init__(self) -> None:
        super().__init__()
        pairs = tf.lookup.KeyValueTensorInitializer([1, 2], [1.0, 2.0], tf.int64, tf.float32)
        self.table = tf.lookup.StaticHashTable(pairs, 0.0)

    @tf.function(input_signature=FLOATS)
    def f(self, x: Any) -> Any:
        return self.factor * self.table.lookup(tf.cast(x, tf.int64))


class Spells(Plain):
    @tf.function(input_signature=[tf.TensorSpec((None,), tf.string)])
    def f(self, x: Any) -> Any:
        return self.factor * tf.strings.to_number(x)


@pytest.mark.parametrize("save", [False, True])
@pytest.mark.parametrize(
    ("module", "message"),
    [
        (Calls, "EagerPyFunc runs Python"),
        (Writes, "WriteFile does more than to compute numbers"),
        (Reads, "ReadFile does more than to compute numbers"),
        (Assigns, "AssignAddVariableOp"),
        (LooksUp, "table|Table"),
        (Spells, "x: Placeholder handles strings"),
    ],
)
def test_it_is_refused(
    module: Callable[[], Plain],
    message: str,
    save: bool,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    made = module()
    if save:
        tf.saved_model.save(made, str(tmp_path / "saved"), signatures=made.f)
    with pytest.raises(InputError, match=message) as refused:
        saved_model(tmp_path / "saved") if save else tf_function(made.f)
    assert "\n" not in str(refused.value)
    assert not (tmp_path / "written").exists()


def test_what_a_saved_model_would_run_when_it_is_loaded_is_looked_at(tmp_path: Path) -> None:
    with tf.Graph().as_default(), v1.Session() as session:
        x = v1.placeholder(tf.float32, (None,), "x")
        factor = v1.get_variable("factor", (), use_resource=True)
        write = tf.raw_ops.WriteFile(filename=str(tmp_path / "written"), contents="by a graph")
        session.run(v1.global_variables_initializer())
        v1.saved_model.simple_save(
            session, str(tmp_path / "saved"), {"x": x}, {"y": tf.multiply(factor, x, "y")}, write
        )
        v1.get_collection_ref("variables")[0]._initializer_op = write
        v1.train.export_meta_graph(str(tmp_path / "model.meta"))
    for load in (
        lambda: saved_model(tmp_path / "saved"),
        lambda: tf1_graph(tmp_path / "model.meta", inputs=["x"], output="y"),
    ):
        with pytest.raises(InputError, match="WriteFile would run when it is loaded"):
            load()
    assert not (tmp_path / "written").exists()


def test_saved_models_of_tensorflow_1_are_loaded(tmp_path: Path) -> None:
    with tf.Graph().as_default(), v1.Session() as session:
        x = v1.placeholder(tf.float32, (None, 3), "x")
        kernel = v1.get_variable("dense/kernel", (3, 2))
        session.run(v1.global_variables_initializer())
        v1.saved_model.simple_save(session, str(tmp_path), {"x": x}, {"y": tf.matmul(x, kernel)})
    assert list(saved_model(tmp_path).variables) == ["dense/kernel"]


def test_operations_of_others_are_refused(tmp_path: Path) -> None:
    module = Plain()
    tf.saved_model.save(module, str(tmp_path / "saved"), signatures=module.f)
    file = tmp_path / "saved" / "saved_model.pb"
    file.write_bytes(file.read_bytes().replace(b"\x12\x03Mul", b"\x12\x03Mux"))
    with pytest.raises(InputError, match="Mux is no operation of TensorFlow's own"):
        saved_model(tmp_path / "saved")
    shutil.rmtree(tmp_path / "saved")
    with pytest.raises(InputError, match="not a SavedModel"):
        saved_model(tmp_path / "saved")
    with pytest.raises(InputError, match="no output"):
        tf1_graph(lambda: (v1.placeholder(tf.float32), []))
