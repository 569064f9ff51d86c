"""Bad input: exit status 2, one line that names the file or flag, nothing half-written."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from port.convert.names import table
from tests.tvn_cli.run import Outcome, tvn
from tests.verify.nets import EVERY_LAYER
from tvn_cli.main import COMMANDS
from verify.numerics.probes import probe_variables

Make = Callable[[Path, Path], Path]


def _absent(folder: Path, _: Path) -> Path:
    return folder / "absent.ckpt"


def _empty_folder(folder: Path, _: Path) -> Path:
    (folder / "empty").mkdir()
    return folder / "empty"


def _copy(folder: Path, checkpoint: Path) -> Path:
    for file in checkpoint.parent.glob(f"{checkpoint.name}.*"):
        shutil.copy(file, folder / file.name)
    return folder / checkpoint.name


def _truncated_data(folder: Path, checkpoint: Path) -> Path:
    prefix = _copy(folder, checkpoint)
    data = next(folder.glob("*.data-*"))
    data.write_bytes(data.read_bytes()[:-100])
    return prefix


def _without_data(folder: Path, checkpoint: Path) -> Path:
    prefix = _copy(folder, checkpoint)
    next(folder.glob("*.data-*")).unlink()
    return prefix


def _with_nan(folder: Path, _: Path) -> Path:
    variables = probe_variables({r.tf_name: r.tf_shape for r in table(EVERY_LAYER, 7)}, 1)
    variables["dense/kernel"][1, 1] = np.nan
    np.savez(folder / "nan.npz", **variables)
    return folder / "nan.npz"


def _misfit(folder: Path, _: Path) -> Path:
    variables = probe_variables({r.tf_name: r.tf_shape for r in table(EVERY_LAYER, 7)}, 1)
    variables["stranger"] = variables.pop("Block-0-0/Expand/conv2d/kernel")
    variables["Block-1-0/Residual/conv2d/kernel"] = np.zeros((1, 1, 2, 3), np.float32)
    np.savez(folder / "misfit.npz", **variables)
    return folder / "misfit.npz"


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (_absent, ["absent.ckpt"]),
        (_empty_folder, ["empty"]),
        (_truncated_data, ["model.ckpt-5.data-00000-of-00001"]),
        (_without_data, ["model.ckpt-5.data-00000-of-00001"]),
        (_with_nan, ["nan.npz", "dense/kernel", "NaN"]),
        (
            _misfit,
            ["stranger", "Block-0-0/Expand/conv2d/kernel", "wanted [1, 1, 16, 8]", "[1, 1, 2, 3]"],
        ),
    ],
)
@pytest.mark.parametrize("verb", ["convert", "verify"])
def test_a_bad_source_is_refused_by_name(
    verb: str,
    make: Make,
    told: list[str],
    checkpoint: Path,
    genotype_file: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "out").mkdir()
    source = make(tmp_path / "in", checkpoint)
    output = tmp_path / "out" / ("w.safetensors" if verb == "convert" else "report.json")
    flag = "output" if verb == "convert" else "json"
    flags = (f"--model={genotype_file}", f"--source={source}", f"--{flag}={output}")
    _assert_refused(tvn(capsys, verb, *flags), told)
    assert list((tmp_path / "out").iterdir()) == []


def _assert_refused(outcome: Outcome, told: list[str]) -> None:
    assert outcome.status == 2
    line, *more = outcome.err.splitlines()
    assert more == []
    for word in told:
        assert word in line


def test_another_nets_checkpoint_is_refused_with_names_and_a_count(
    checkpoint: Path,
    other_genotype_file: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    flags = (f"--model={other_genotype_file}", f"--source={checkpoint}")
    refused = tvn(capsys, "convert", *flags, f"--output={tmp_path / 'w.safetensors'}")
    _assert_refused(refused, ["misshapen", "Block-1-0/", "wanted", "found", " more"])
    assert len(refused.err) < 1000
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"wings": 2}, "wings"),
        ({"spatial_type": "cubist"}, "cubist"),
        ({"temporal_stride": -1}, "temporal_stride"),
        ({"filters": "many"}, "filters"),
        ({"inputs": [0]}, "inputs"),
    ],
)
def test_a_bad_genotype_is_refused_by_block_and_field(
    change: dict[str, object], told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = EVERY_LAYER.to_dict()
    data["blocks"][2] |= change
    path = tmp_path / "bad.json"
    path.write_text(json.dumps(data))
    _assert_refused(tvn(capsys, "verify", f"--model={path}"), [str(path), "block 2", told])


@pytest.mark.parametrize("value", ["1000000000", "1" + "0" * 30, "9" * 5000, "[" * 10**5],
                         ids=["large", "over 64 bits", "over all", "nested"])  # fmt: skip
@pytest.mark.parametrize("verb", ["convert", "verify", "finetune"])
def test_an_absurd_genotype_is_refused_by_every_command(
    verb: str, value: str, checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, output = tmp_path / "absurd.json", tmp_path / "out"
    path.write_text(EVERY_LAYER.to_json().replace('"filters": ', f'"filters": {value}', 1))
    (tmp_path / "clips" / "walking").mkdir(parents=True)
    for group in range(1, 26):
        video = tmp_path / "clips" / "walking" / f"v_walking_g{group:02d}_c01.avi"
        video.write_bytes(b"RIFF")
    flags = {
        "convert": (f"--source={checkpoint}", f"--output={output}"),
        "verify": (f"--json={output}",),
        "finetune": (f"--data={tmp_path / 'clips'}", f"--run={output}"),
    }[verb]
    refused = tvn(capsys, verb, f"--model={path}", *flags)
    _assert_refused(refused, [f"tvn: {path}: "])
    assert len(refused.err) < 1000
    assert not output.exists()


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["fly"], "fly"),
        (["convert"], "--source"),
        (["convert", "--source=a"], "--output"),
        (["convert", "--wings=2"], "wings"),
        (["verify"], "--model"),
        (["verify", "--model=tvn9"], "tvn9"),
        (["verify", "--model=tvn1", "--batch=0"], "batch"),
        (["verify", "--model=tvn1", "--weights=absent"], "absent"),
        (["models", "tvn1"], "tvn1"),
        (["inspect"], "PATH"),
    ],
)
def test_a_bad_request_is_refused(
    arguments: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    _assert_refused(tvn(capsys, *arguments), [told])


@pytest.mark.skipif(os.geteuid() != 0, reason="takes /proc, where not even root may write")
@pytest.mark.parametrize("flag", ["--report=/proc/report", "--json=/proc/report.json"])
def test_an_output_that_cannot_be_written_is_refused_before_the_work(
    flag: str, capsys: pytest.CaptureFixture[str]
) -> None:
    _assert_refused(tvn(capsys, "verify", "--model=tvn2", flag), ["/proc", "cannot be written"])


def test_an_output_folder_that_is_a_file_is_refused(
    checkpoint: Path, genotype_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("")
    output = tmp_path / "file" / "w.safetensors"
    flags = (f"--model={genotype_file}", f"--source={checkpoint}", f"--output={output}")
    _assert_refused(tvn(capsys, "convert", *flags), [str(output)])
    _assert_refused(
        tvn(capsys, "verify", "--model=tvn1", f"--report={tmp_path / 'file'}"), ["file"]
    )


@pytest.mark.parametrize("verb", ["", *COMMANDS])
def test_every_command_explains_itself(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    done = tvn(capsys, *[verb] if verb else [], "--help")
    assert done.status == 0
    assert f"tvn {verb}".strip() in done.out


def test_a_refusal_reaches_the_shell_without_a_traceback(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tvn_cli", "convert", "--source=nowhere", "--output=w"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1
    assert "nowhere" in done.stderr
    assert list(tmp_path.iterdir()) == []
