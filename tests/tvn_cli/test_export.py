"""`tvn export`: from verified weights to a file that ONNX Runtime runs to the same logits."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

import port
from tests.tvn_cli.run import tvn


def test_verified_weights_are_exported_and_others_are_not(
    checkpoint: Path, genotype_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    import onnxruntime

    weights, output = tmp_path / "w.safetensors", tmp_path / "m.onnx"
    port.convert_weights(checkpoint, genotype_file, weights)
    flags = ("export", f"--weights={weights}", f"--output={output}")
    refused = tvn(capsys, *flags)
    assert refused.status == 2
    assert "not verified" in refused.err
    assert not output.exists()

    assert tvn(capsys, *flags, "--allow_unverified").status == 0
    session = onnxruntime.InferenceSession(output, providers=["CPUExecutionProvider"])
    about = json.loads(session.get_modelmeta().custom_metadata_map["about"])
    assert about["verification"]["verified"] is False
    clips = np.random.default_rng(0).random((3, 3, 4, 24, 24), np.float32)
    (logits,) = session.run(["logits"], {"video": clips})
    with torch.no_grad():
        ours = port.create_model(genotype_file, weights=weights).eval()(torch.from_numpy(clips))
    assert np.abs(ours.numpy() - logits).max() < 1e-5 * np.abs(logits).max()


def test_bad_requests_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    absent = tvn(
        capsys, "export", "--weights=absent.safetensors", f"--output={tmp_path / 'm.onnx'}"
    )
    assert absent.status == 2
    assert "absent.safetensors" in absent.err
    assert len(absent.err.splitlines()) == 1
