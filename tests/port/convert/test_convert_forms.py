"""Every form in which TensorFlow weights exist converts to the same weights, bit for bit.

TensorFlow itself writes each form of one small net; where TensorFlow cannot be imported they
convert all the same.
"""

import json
import subprocess
import sys
import tarfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

import port
from port import Genotype
from reference_tf import Original
from tests import recipe
from tests.verify.nets import EVERY_LAYER

v1 = tf.compat.v1
CLASSES = 6
CONVERT_WITHOUT_TENSORFLOW = """
import json, sys

# As where it is not installed: importing it fails, and looking for it finds nothing.
sys.modules |= dict.fromkeys(("tensorflow", "keras"))
from port import convert_weights

genotype, forms = json.load(sys.stdin)
for source, output in forms:
    convert_weights(source, genotype, output)
"""


def _checkpoint(original: Original, folder: Path) -> Path:
    return Path(original.save(str(folder / "model.ckpt"), global_step=7))


def _index(original: Original, folder: Path) -> Path:
    return _checkpoint(original, folder).with_suffix(".ckpt-7.index")


def _folder(original: Original, folder: Path) -> Path:
    return _checkpoint(original, folder).parent


def _shards(original: Original, folder: Path) -> Path:
    """Each half of the variables in a data file of its own, merged into one index."""
    names, parts = list(original.variables()), []
    for number, half in enumerate((names[::2], names[1::2])):
        parts.append(str(folder / f"part{number}"))
        values = original.values()
        tf.raw_ops.SaveV2(
            prefix=parts[-1],
            tensor_names=half,
            shape_and_slices=[""] * len(half),
            tensors=[tf.constant(values[name]) for name in half],
        )
    prefix = folder / "sharded"
    tf.raw_ops.MergeV2Checkpoints(checkpoint_prefixes=parts, destination_prefix=str(prefix))
    assert len(list(folder.glob("sharded.data-*"))) == 2
    return prefix


def _saved_model(original: Original, folder: Path) -> Path:
    original.save_saved_model(str(folder / "saved"))
    return folder / "saved"


def _hub_module(original: Original, folder: Path) -> Path:
    """What makes a SavedModel a TF-Hub module of TensorFlow 1 is one more file."""
    module = _saved_model(original, folder)
    (module / "tfhub_module.pb").write_bytes(b"\x08\x03")
    return module


def _hub_archive(original: Original, folder: Path) -> Path:
    module, archive = _hub_module(original, folder), folder / "module.tar.gz"
    with tarfile.open(archive, "w:gz") as tar:
        for path in sorted(module.rglob("*")):
            tar.add(path, f"./{path.relative_to(module)}", recursive=False)
    return archive


def _tf2_saved_model(original: Original, folder: Path) -> Path:
    """What TensorFlow 2 writes around such a module: object paths in place of names."""
    module = tf.Module()
    module.variables_ = [tf.Variable(value, name=name) for name, value in original.values().items()]
    tf.saved_model.save(module, str(folder / "wrapped"))
    return folder / "wrapped"


def _frozen_graph(original: Original, folder: Path) -> Path:
    frozen = v1.graph_util.convert_variables_to_constants(
        original.session, original.graph.as_graph_def(), [original.logits.op.name]
    )
    (folder / "frozen.pb").write_bytes(frozen.SerializeToString())
    return folder / "frozen.pb"


def _npz(original: Original, folder: Path) -> Path:
    np.savez(folder / "weights.npz", **original.values())
    return folder / "weights.npz"


FORMS: tuple[Callable[[Original, Path], Path], ...] = (
    _checkpoint,
    _index,
    _folder,
    _shards,
    _saved_model,
    _hub_module,
    _hub_archive,
    _tf2_saved_model,
    _frozen_graph,
    _npz,
)


@pytest.fixture(scope="module")
def forms(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The same weights in every form, by the form's name."""
    made = {}
    with Original(EVERY_LAYER.to_json(), CLASSES, batch=1) as original:
        original.load(recipe.weights(original.variables()))
        for form in FORMS:
            name = form.__name__.lstrip("_")
            made[name] = form(original, tmp_path_factory.mktemp(name))
    return made


def _assert_the_weights(path: Path) -> None:
    loaded = port.load_weights(path)
    found = port.tf_from_state_dict(loaded.state_dict, Genotype.load(EVERY_LAYER))
    expected = recipe.weights({name: value.shape for name, value in found.items()})
    for name, value in found.items():
        np.testing.assert_array_equal(value, expected[name], err_msg=name, strict=True)


@pytest.mark.parametrize("form", [form.__name__.lstrip("_") for form in FORMS])
def test_a_form_converts_to_the_weights(form: str, forms: dict[str, Path], tmp_path: Path) -> None:
    port.convert_weights(forms[form], EVERY_LAYER, tmp_path / "w.safetensors")
    _assert_the_weights(tmp_path / "w.safetensors")


def test_none_of_them_needs_tensorflow(forms: dict[str, Path], tmp_path: Path) -> None:
    outputs = {name: tmp_path / f"{name}.safetensors" for name in forms}
    pairs = [(str(forms[name]), str(output)) for name, output in outputs.items()]
    done = subprocess.run(
        [sys.executable, "-c", CONVERT_WITHOUT_TENSORFLOW],
        input=json.dumps([EVERY_LAYER.to_dict(), pairs]),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    for output in outputs.values():
        _assert_the_weights(output)
