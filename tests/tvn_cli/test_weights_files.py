"""Every command that reads weights refuses what is none, in one line that begins with the file.

What a file can hold is tried in `tests/port/test_weights_handmade.py`, on the reader they share.
"""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import port
import verify
from tests.certificates import certify
from tests.port.handmade import entries, metadata, write
from tests.train.tiny import TINY, tiny_config
from tests.tvn_cli.run import tvn
from train.data.generated import write_generated
from train.data.splits import split
from train.data.videos import read_videos
from train.run import Run

Spoil = Callable[[Path], object]
DEEP = "[" * 100_000 + "]" * 100_000
NET = port.create_model(TINY, 3)
STATE: dict[str, torch.Tensor] = {key: value.clone() for key, value in NET.state_dict().items()}
KEY = "head.dense.weight"


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A few short videos."""
    root = tmp_path_factory.mktemp("data") / "videos"
    write_generated(root, classes=3, groups=2, clips=1, frames=8, width=32, height=24)
    return root


def _run_of(folder: Path, data: Path, weights: Path) -> Path:
    """A run whose last weights are these."""
    videos, config = read_videos(data), tiny_config(folder)
    parts = split(videos, config.split, config.fold, config.seed)
    run = Run.new(folder / "run", config, videos, parts, NET,
                  {"weights": None, "verification": {"verified": True}})  # fmt: skip
    run.write()
    weights.rename(run.weights("last"))
    return run.weights("last")


def _consume(verb: str, weights: Path, data: Path, folder: Path) -> tuple[list[object], Path]:
    """A command that reads these weights, and where they then are."""
    out, video = folder / "out", next(data.rglob("*.avi"))
    go_on = "--allow_unverified"
    match verb:
        case "evaluate":
            weights = _run_of(folder, data, weights)
            return ["evaluate", f"--run={weights.parent}", f"--data={data}"], weights
        case "predict":
            return ["predict", f"--weights={weights}", video, "--json"], weights
        case "finetune":
            flags: list[object] = [f"--data={data}", f"--run={out}", "--set=workers=0"]
            return ["finetune", f"--weights={weights}", *flags, go_on], weights
        case "export":
            return ["export", f"--weights={weights}", f"--output={out}", go_on], weights
        case "convert":
            flags = ["--to_tensorflow", f"--source={weights}", f"--output={out}"]
            return ["convert", *flags, go_on], weights
    return ["verify", f"--weights={weights}", "--level=inference"], weights


CONSUMERS = ("evaluate", "predict", "finetune", "export", "convert", "verify")
BAD: dict[str, tuple[dict[str, Any], dict[str, str]]] = {
    "complex weights": ({}, {KEY: "C64"}),
    "whole numbers": ({}, dict.fromkeys(STATE, "I32")),
    "8 bits": ({}, dict.fromkeys(STATE, "F8_E4M3")),
    "an about that is null": ({"about": "null"}, {}),
    "an about without end": ({"about": DEEP}, {}),
    "a genotype that is a list": ({"genotype": "[]"}, {}),
    "a name that clears the screen": ({"genotype": '{"\\u001b[2J": 1}'}, {}),
}


@pytest.mark.parametrize("verb", CONSUMERS)
@pytest.mark.parametrize("what", BAD)
def test_what_is_no_weights_file_is_refused_by_name(
    what: str, verb: str, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    changes, types = BAD[what]
    path = tmp_path / "w.safetensors"
    write(path, metadata(TINY, **changes), entries(STATE, types))
    command, path = _consume(verb, path, data, tmp_path)
    before = sorted(tmp_path.rglob("*"))
    done = tvn(capsys, *command)
    assert done.status == 2
    (line,) = done.err.splitlines()
    assert line.startswith(f"tvn: {path}: ") and line.isprintable() and len(line) < 1000
    assert sorted(tmp_path.rglob("*")) == before, "nothing half-written"


@pytest.mark.parametrize("verb", CONSUMERS)
@pytest.mark.parametrize("kind", ["F16", "BF16", "F64", "mixed"])
def test_weights_of_any_float_will_do(
    kind: str, verb: str, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "w.safetensors"
    types = {KEY: "F16"} if kind == "mixed" else dict.fromkeys(STATE, kind)
    about = json.dumps({"class_names": list(read_videos(data).class_names)})
    write(path, metadata(TINY, about=about), entries(STATE, types))
    command, _ = _consume(verb, path, data, tmp_path)
    if verb == "finetune":
        command += ["--set=epochs=1,batch_size=2,test_clips=1"]
    assert tvn(capsys, *command).status == 0


@pytest.mark.parametrize("verb", ["finetune", "export", "convert"])
@pytest.mark.parametrize("field", ["act", "num_frames", "frame_stride", "image_size"])
def test_a_certificate_of_another_net_is_none(
    field: str, verb: str, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "w.safetensors"
    port.save_weights(path, TINY, STATE)
    other = replace(TINY, blocks=(replace(TINY.blocks[0], act="hswish"), *TINY.blocks[1:]))
    if field != "act":
        other = replace(TINY, **{field: getattr(TINY, field) + 1})
    certify(path, other)
    command, _ = _consume(verb, path, data, tmp_path)
    before = sorted(tmp_path.rglob("*"))
    done = tvn(capsys, *(word for word in command if word != "--allow_unverified"))
    assert done.status == 2
    (line,) = done.err.splitlines()
    assert "the certificate of another net" in line and f"{field} " in line
    assert sorted(tmp_path.rglob("*")) == before
    # Nor is one made: verification of another net than the weights' own is refused.
    (tmp_path / "other.json").write_text(other.to_json())
    refused = tvn(capsys, "verify", f"--weights={path}", f"--model={tmp_path / 'other.json'}")
    assert refused.status == 2
    assert "--model=" in refused.err and f"{field} " in refused.err


def test_weights_that_change_while_they_are_verified_are_not_certified(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    path, judge = tmp_path / "w.safetensors", verify.verify
    port.save_weights(path, TINY, STATE)

    def judge_and_meddle(*given: Any, **options: Any) -> Any:
        report = judge(*given, **options)
        port.save_weights(path, TINY, STATE | {KEY: STATE[KEY] + 1})
        return report

    monkeypatch.setattr("verify.diagnosis.verify.verify", judge_and_meddle)
    assert tvn(capsys, "verify", f"--weights={path}", "--level=inference").status == 0
    refused = tvn(capsys, "export", f"--weights={path}", f"--output={tmp_path / 'm.onnx'}")
    assert (refused.status, "another file" in refused.err) == (2, True)


@pytest.mark.parametrize("form", ["checkpoint", "folder", "npz"])
def test_tensorflow_weights_name_the_command_that_converts_them(
    form: str, checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    np.savez(tmp_path / "w.npz", **{"dense/bias": np.zeros(3, np.float32)})
    path = {"checkpoint": checkpoint, "folder": checkpoint.parent}.get(form, tmp_path / "w.npz")
    with pytest.raises(port.InputError) as refusal:
        port.create_model("tvn1", weights=path)
    assert str(refusal.value).startswith(f"{path}: TensorFlow weights (")
    assert f"tvn convert --source={path}" in str(refusal.value)
    refused = tvn(capsys, "export", f"--weights={path}", f"--output={tmp_path / 'm.onnx'}")
    assert (refused.status, len(refused.err.splitlines())) == (2, 1)
