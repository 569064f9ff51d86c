"""Each form that weights are published in, as TensorFlow itself writes it."""

from __future__ import annotations

import tarfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tensorflow as tf

tf1 = tf.compat.v1

DTYPES = (
    "float64 float32 float16 bfloat16 bool int8 int16 int32 int64 uint8 uint16 uint32 uint64"
).split()
SHAPES: list[tuple[int, ...]] = [(), (0,), (1,), (7,), (3, 0, 2), (3, 3, 1, 5), (1, 1, 1, 1, 2)]
ODD_NAMES = ["a b", "ends/with/", "重み/ünï", "tab\there", "v:0", "\x01", "back\\slash", "n" * 700]


@dataclass(frozen=True)
class Form:
    """One thing a user may name, and what must come out of it."""

    path: Path
    kind: str
    expected: Mapping[str, np.ndarray]


def save(prefix: Path, tensors: Mapping[str, np.ndarray]) -> Path:
    """Write a checkpoint with TensorFlow's own operation."""
    prefix.parent.mkdir(parents=True, exist_ok=True)
    tf.raw_ops.SaveV2(
        prefix=str(prefix),
        tensor_names=list(tensors),
        shape_and_slices=[""] * len(tensors),
        tensors=[tf.constant(value) for value in tensors.values()],
    )
    return prefix


def read_by_tensorflow(prefix: Path) -> dict[str, np.ndarray]:
    reader = tf.train.load_checkpoint(str(prefix))
    return {
        name: np.asarray(reader.get_tensor(name)) for name in reader.get_variable_to_shape_map()
    }


def some_tensors(seed: int = 0) -> dict[str, np.ndarray]:
    """Return hundreds of tensors: every dtype in every shape, odd names, bits of any pattern."""
    random = np.random.default_rng(seed)
    tensors = {}
    for dtype in DTYPES:
        numpy_dtype = tf.as_dtype(dtype).as_numpy_dtype
        for number, shape in enumerate(SHAPES * 4):
            bits = random.bytes(int(np.prod(shape)) * np.dtype(numpy_dtype).itemsize)
            values = np.frombuffer(bits, np.uint8 if dtype == "bool" else numpy_dtype)
            values = values > 127 if dtype == "bool" else values
            tensors[f"block_{number}/{dtype}/w"] = values.reshape(shape)
    for name in ODD_NAMES:
        tensors[name] = random.random((2, 2), np.float32)
    return tensors


def write_all(root: Path) -> dict[str, Form]:
    """Write every form and return each by what a test calls it."""
    return {
        **_checkpoints(root / "tf1"),
        **_sharded(root / "sharded"),
        **_graph_mode(root / "graph"),
        **_objects(root / "tf2"),
        **_listed(root),
        **_npz(root),
    }


def _checkpoints(folder: Path) -> dict[str, Form]:
    kind = "TensorFlow checkpoint"
    prefix = save(folder / "model.ckpt-12345", some_tensors())
    expected = read_by_tensorflow(prefix)
    alone = folder / "alone"
    alone.mkdir()
    relative = folder / "relative"
    absolute = folder / "absolute"
    for copy in (relative, absolute):
        save(copy / "old", {"x": np.zeros(2)})
    for copy in (alone, relative, absolute):
        for file in folder.glob("model.ckpt-12345.*"):
            (copy / file.name).write_bytes(file.read_bytes())
    (relative / "checkpoint").write_text('model_checkpoint_path: "model.ckpt-12345"\n')
    (absolute / "checkpoint").write_text(
        'model_checkpoint_path: "/moved/since/model.ckpt-12345"\n'
        'all_model_checkpoint_paths: "/moved/since/model.ckpt-12345"\n'
        "all_model_checkpoint_timestamps: 1.5e9\n"
    )
    paths = {
        "prefix": prefix,
        "index path": Path(f"{prefix}.index"),
        "data path": Path(f"{prefix}.data-00000-of-00001"),
        "folder with one index": alone,
        "folder with a relative state file": relative,
        "folder with a stale absolute state file": absolute,
    }
    return {name: Form(path, kind, expected) for name, path in paths.items()}


def _sharded(folder: Path) -> dict[str, Form]:
    tensors = list(some_tensors(1).items())
    parts = [save(folder / f"part{n}", dict(tensors[n::3])) for n in range(3)]
    prefix = folder / "whole"
    tf.raw_ops.MergeV2Checkpoints(
        checkpoint_prefixes=[str(part) for part in parts], destination_prefix=str(prefix)
    )
    assert len(list(folder.glob("whole.data-*-of-00003"))) == 3
    return {"three shards": Form(prefix, "TensorFlow checkpoint", read_by_tensorflow(prefix))}


def _graph_mode(folder: Path) -> dict[str, Form]:
    """What TF1 code leaves: checkpoints, SavedModels, hub modules and frozen graphs."""
    folder.mkdir()
    with tf.Graph().as_default(), tf1.Session() as session:
        tf1.set_random_seed(1)
        x = tf1.placeholder(tf.float32, [4])
        split = tf1.fixed_size_partitioner(3)
        used = [
            tf1.get_variable("net/w", [4, 5], use_resource=False),
            tf1.get_variable("net/b", [5], initializer=tf1.zeros_initializer()),
            tf1.get_variable("net/scale", [], initializer=tf1.ones_initializer()),
            tf1.get_variable("net/rows", [200, 3], partitioner=split).as_tensor(),
            tf1.get_variable(
                "net/columns", [2, 100], partitioner=tf1.fixed_size_partitioner(2, axis=1)
            ).as_tensor(),
            tf1.get_variable("net/half", [3], tf.float16),
        ]
        y = tf.add_n([tf.reduce_sum(tf.cast(value, tf.float32)) for value in used]) + x
        tf1.train.get_or_create_global_step()
        session.run(tf1.global_variables_initializer())
        tf1.train.Saver().save(session, str(folder / "ckpt" / "model"), global_step=3)
        tf1.saved_model.simple_save(session, str(folder / "export"), {"x": x}, {"y": y})
        frozen = tf1.graph_util.convert_variables_to_constants(
            session, session.graph.as_graph_def(), [y.op.name]
        )
    whole = read_by_tensorflow(folder / "ckpt" / "model-3")
    exported = read_by_tensorflow(folder / "export" / "variables" / "variables")
    hub = folder / "hub"
    (folder / "export").rename(hub)
    (hub / "tfhub_module.pb").write_bytes(b"\x08\x03")
    (hub / "assets").mkdir()
    (hub / "assets" / "labels.txt").write_text("not weights")
    with tarfile.open(folder / "hub.tar.gz", "w:gz") as tar:
        tar.add(hub, ".")
    export = folder / "saved"
    (export / "variables").mkdir(parents=True)
    (export / "saved_model.pb").write_bytes((hub / "saved_model.pb").read_bytes())
    for file in (hub / "variables").iterdir():
        (export / "variables" / file.name).write_bytes(file.read_bytes())
    with tarfile.open(folder / "checkpoint.tar", "w") as tar:
        tar.add(folder / "ckpt", "run/ckpt")
    (folder / "frozen.pb").write_bytes(frozen.SerializeToString())
    return {
        "partitioned": Form(folder / "ckpt", "TensorFlow checkpoint", whole),
        "TF1 SavedModel": Form(export, "TF1 SavedModel", exported),
        "saved_model.pb": Form(export / "saved_model.pb", "TF1 SavedModel", exported),
        "hub module": Form(hub, "TF-Hub module", exported),
        "hub archive": Form(folder / "hub.tar.gz", "TF-Hub module in a tar archive", exported),
        "checkpoint archive": Form(
            folder / "checkpoint.tar", "TensorFlow checkpoint in a tar archive", whole
        ),
        "frozen graph": Form(folder / "frozen.pb", "frozen graph", _constants(frozen)),
    }


def _constants(graph: tf1.GraphDef) -> dict[str, np.ndarray]:
    nodes = [node for node in graph.node if node.op == "Const"]
    return {node.name: tf.make_ndarray(node.attr["value"].tensor) for node in nodes}


def _listed(folder: Path) -> dict[str, Form]:
    """A graph of folded variables, its constants in each way that a Tensor message allows."""
    graph, expected = tf1.GraphDef(), {}
    for dtype in DTYPES:
        numpy_dtype = tf.as_dtype(dtype).as_numpy_dtype
        listed = {  # the values, and how many of them are listed before the last repeats
            "one": (np.array(1, numpy_dtype), 1),
            "same": (np.ones((3, 4), numpy_dtype), 1),
            "tail": (np.array([0, 1, 1, 1], numpy_dtype), 2),
            "none": (np.zeros((2, 2), numpy_dtype), 0),
            "empty": (np.zeros((2, 0), numpy_dtype), 0),
        }
        for way, (values, count) in listed.items():
            proto = tf.make_tensor_proto(values)
            if values.ndim:
                proto = type(proto)(dtype=proto.dtype, tensor_shape=proto.tensor_shape)
                for value in values.ravel()[:count]:
                    proto.MergeFrom(tf.make_tensor_proto(value))
            expected[f"{dtype}/{way}"] = values
            node = graph.node.add(name=f"{dtype}/{way}/read", op="Const")
            node.attr["value"].tensor.CopyFrom(proto)
    label = graph.node.add(name="label", op="Const")
    label.attr["value"].tensor.CopyFrom(tf.make_tensor_proto(b"no weight"))
    graph.node.add(name="add", op="Add", input=["int8/one/read"])
    path = folder / "listed.pb"
    path.write_bytes(graph.SerializeToString())
    return {"folded graph": Form(path, "frozen graph", expected)}


def _objects(folder: Path) -> dict[str, Form]:
    """What TF2 code leaves: tensors by object path, their names in the object graph."""

    class Module(tf.Module):
        def __init__(self) -> None:
            super().__init__()
            self.w = tf.Variable(np.arange(6.0).reshape(2, 3), name="net/w")
            self.variables_list = [tf.Variable([1, 2], name="twice"), tf.Variable(3, name="twice")]

    module = Module()
    path = "variables_list/{}/.ATTRIBUTES/VARIABLE_VALUE"
    values = {
        "net/w": module.w.numpy(),
        path.format(0): module.variables_list[0].numpy(),  # two of a name keep their paths
        path.format(1): module.variables_list[1].numpy(),
    }
    saved = tf.train.Checkpoint(module=module).save(str(folder / "ckpt" / "model"))
    tf.saved_model.save(module, str(folder / "export"))
    under = {name if name == "net/w" else f"module/{name}": v for name, v in values.items()}
    counted = {**under, "save_counter": np.array(1)}
    return {
        "TF2 checkpoint": Form(Path(saved), "TF2 checkpoint", counted),
        "TF2 SavedModel": Form(folder / "export", "TF2 SavedModel", values),
    }


def _npz(folder: Path) -> dict[str, Form]:
    tensors = {n: v for n, v in some_tensors(2).items() if v.dtype.kind in "biuf" and "/" in n}
    with_suffix = {f"{name}:0": value for name, value in tensors.items()}
    np.savez(folder / "plain.npz", **tensors)
    turned = {
        name: np.array(v, v.dtype.newbyteorder(">"), order="F") for name, v in with_suffix.items()
    }
    np.savez_compressed(folder / "packed.npz", **turned)
    return {
        "npz": Form(folder / "plain.npz", "npz archive", tensors),
        "npz of another byte order": Form(folder / "packed.npz", "npz archive", tensors),
    }
