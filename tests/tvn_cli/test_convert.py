"""`tvn convert`: there and back, bit for bit, with a record of what went where."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

import port
from port.sources import open_source
from tests.tvn_cli.run import tvn

BACK = ("convert", "--to_tensorflow", "--allow_unverified")


@pytest.fixture
def weights(
    checkpoint: Path, genotype_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> Path:
    """The checkpoint, converted by the command."""
    output = tmp_path / "w.safetensors"
    names = tmp_path / "classes.txt"
    names.write_text("\n".join(f"class {i}" for i in range(7)))
    flags = (f"--model={genotype_file}", f"--source={checkpoint}", f"--class_names={names}")
    done = tvn(capsys, "convert", *flags, f"--output={output}")
    assert (done.status, done.err) == (0, "")
    assert "7 classes" in done.out
    return output


def test_the_record_tells_of_every_variable(weights: Path, checkpoint: Path) -> None:
    record = json.loads(weights.with_suffix(".conversion.json").read_text())
    with open_source(checkpoint) as source:
        assert [v["stored_as"] for v in record["variables"]] != []
        assert {v["tensorflow_name"] for v in record["variables"]} == set(source)
    assert all(v["sha256_before"] == v["sha256_after"] for v in record["variables"])
    # Each variable has a key of its own, and values of its own unless all are alike.
    keys = [v["torch_key"] for v in record["variables"]]
    assert len(set(keys)) == len(keys)
    assert record["missing"] == [] and record["unused"] == {}
    assert port.load_weights(weights).about["class_names"][3] == "class 3"


def test_back_to_a_checkpoint_every_variable_is_bit_identical(
    weights: Path, checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    back = tmp_path / "back.ckpt"
    done = tvn(capsys, *BACK, f"--source={weights}", f"--output={back}")
    assert done.status == 0
    with open_source(checkpoint) as before, open_source(back) as after:
        assert set(before) == set(after)
        for name in before:
            np.testing.assert_array_equal(before[name], after[name], err_msg=name, strict=True)


@pytest.mark.parametrize("head", ["", "--max_pool_predictions"])
def test_a_saved_model_serves_the_same_logits(
    head: str, weights: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    import tensorflow as tf

    folder = tmp_path / "served"
    flags = ["--format=saved_model", f"--source={weights}", "--width=31"]
    done = tvn(capsys, *BACK, *flags, f"--output={folder}", *[head] if head else [])
    assert done.status == 0
    clips = np.random.default_rng(0).random((3, 4, 24, 31, 3), np.float32)
    serve = tf.saved_model.load(str(folder)).signatures["serving_default"]
    logits = serve(video=tf.constant(clips))["logits"].numpy()
    genotype = port.load_weights(weights).genotype
    net = port.create_model(genotype, weights=weights, max_pool_predictions=bool(head)).eval()
    with torch.no_grad():
        ours = net(torch.from_numpy(clips).movedim(-1, 1)).numpy()
    assert np.abs(ours - logits).max() < 1e-5 * np.abs(logits).max()


def test_a_published_net_is_recognised_and_others_are_not(
    checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from port.convert.names import table

    for name in ("tvn_mobile_1", "tvn_mobile_2"):
        shapes = {r.tf_name: r.tf_shape for r in table(port.Genotype.load(name), 11)}
        np.savez(
            tmp_path / f"{name}.npz", **{n: np.zeros(s, np.float32) for n, s in shapes.items()}
        )
        flags = (f"--source={tmp_path / f'{name}.npz'}", f"--output={tmp_path / 'w.safetensors'}")
        assert tvn(capsys, "convert", *flags).status == 0
        found = port.load_weights(tmp_path / "w.safetensors")
        assert (found.genotype, found.num_classes) == (port.Genotype.load(name), 11)
    flags = (f"--source={checkpoint}", f"--output={tmp_path / 'x.safetensors'}")
    refused = tvn(capsys, "convert", *flags)
    assert refused.status == 2
    assert "nearest" in refused.err and "--model" in refused.err


def test_inspect_lists_what_there_is(checkpoint: Path, capsys: pytest.CaptureFixture[str]) -> None:
    done = tvn(capsys, "inspect", checkpoint, "--json")
    assert done.status == 0
    found = json.loads(done.out, parse_constant=lambda text: pytest.fail(text))
    with open_source(checkpoint) as source:
        for tensor in found["tensors"]:
            values = source[tensor["name"]]
            assert tensor["shape"] == list(values.shape)
            assert tensor["mean"] == pytest.approx(float(values.mean(dtype=np.float64)))
    assert "not one of the published nets" in found["taken_for"]
    assert "dense/kernel" in tvn(capsys, "inspect", checkpoint, "--nostatistics").out
