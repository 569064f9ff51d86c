"""`tvn verify`: exit status, table, reports, and what it makes of wrong weights."""

import json
from pathlib import Path
from xml.etree import ElementTree

import pytest

import port
from tests.tvn_cli.run import tvn


@pytest.fixture
def weights(checkpoint: Path, genotype_file: Path, tmp_path: Path) -> Path:
    """The checkpoint, converted."""
    port.convert_weights(checkpoint, genotype_file, tmp_path / "w.safetensors")
    return tmp_path / "w.safetensors"


def test_right_weights_pass_with_a_row_a_tap_and_reports(
    weights: Path,
    checkpoint: Path,
    genotype_file: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    report = tmp_path / "report"
    flags = [f"--model={genotype_file}", f"--source={checkpoint}", f"--weights={weights}"]
    flags += ["--level=inference", f"--report={report}", f"--json={tmp_path / 'r.json'}"]
    done = tvn(capsys, "verify", *flags)
    assert done.status == 0
    data = json.loads((report / "report.json").read_text())
    assert data == json.loads((tmp_path / "r.json").read_text())
    assert data["passed"] is True and data["first_failure"] is None
    names = [tap["name"] for tap in data["taps"]]
    table = [line.split()[0] for line in done.out.splitlines() if " same" in line]
    assert [name for name in table if name in names] == names
    assert "PASSED" in done.out.splitlines()[-2]
    assert "passed" in (report / "report.html").read_text()


def test_wrong_weights_fail_with_status_1_and_the_layers_name(
    weights: Path,
    checkpoint: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    right = port.load_weights(weights)
    wrong = dict(right.state_dict)
    key = "blocks.1.0.path.spatial.conv.weight"
    wrong[key] = wrong[key].transpose(2, 3).contiguous()
    port.save_weights(weights, right.genotype, wrong, right.about)
    flags = [f"--source={checkpoint}", f"--weights={weights}", f"--json={tmp_path / 'r.json'}"]
    flags += [f"--junit={tmp_path / 'r.xml'}"]
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    done = tvn(capsys, "verify", "--level=inference", *flags)
    assert done.status == 1
    layer = "Block-1-0/STConvs/depthwise_conv2d"
    assert "FAILED" in done.out and f"first at {layer}" in done.out
    data = json.loads((tmp_path / "r.json").read_text())
    assert data["first_failure"] == layer and data["guilty"] == [layer]
    assert f"::error title=w[{layer}] is wrong::{layer} [" in done.out
    cases = ElementTree.parse(tmp_path / "r.xml").getroot().iter("testcase")
    assert [c.get("name") for c in cases if c.find("failure") is not None] == [f"w[{layer}]"]


def test_a_model_alone_will_do(genotype_file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    flags = (f"--model={genotype_file}", "--max_pool_predictions", "--level=inference")
    assert tvn(capsys, "verify", *flags).status == 0


def test_a_certificate_of_this_file_lets_commands_go_on(
    weights: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    back = ("convert", "--to_tensorflow", f"--source={weights}", f"--output={tmp_path / 'b.ckpt'}")
    refused = tvn(capsys, *back)
    assert refused.status == 2
    assert "not verified" in refused.err
    assert not list(tmp_path.glob("b.ckpt*"))
    # Of the weights alone, at the level that is the default.
    assert tvn(capsys, "verify", f"--weights={weights}").status == 0
    certificate = json.loads(weights.with_suffix(".certificate.json").read_text())
    assert certificate["passed"] is True and certificate["level"] == "training"
    kinds = [entry["name"].partition(":")[0] for entry in certificate["compared"]]
    assert kinds == ["inference", "probes", "probes", "layers on noise", "training"]
    assert all(entry["passed"] for entry in certificate["compared"])
    about = port.load_weights(weights).about
    assert certificate["source_sha256"] == about["source_sha256"]
    assert tvn(capsys, *back).status == 0
    record = json.loads((tmp_path / "b.ckpt.conversion.json").read_text())
    assert record["verification"]["verified"] is True


def test_a_certificate_that_says_no_stops_them(
    weights: Path, checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    loaded = port.load_weights(weights)
    wrong = loaded.state_dict | {"head.dense.bias": loaded.state_dict["head.dense.bias"] + 1}
    port.save_weights(weights, loaded.genotype, wrong, loaded.about)
    flags = (f"--source={checkpoint}", f"--weights={weights}", "--level=inference")
    assert tvn(capsys, "verify", *flags).status == 1
    back = ("convert", "--to_tensorflow", f"--source={weights}", f"--output={tmp_path / 'b.ckpt'}")
    assert "said no" in tvn(capsys, *back).err
    assert tvn(capsys, *back, "--allow_unverified").status == 0
    record = json.loads((tmp_path / "b.ckpt.conversion.json").read_text())
    assert record["verification"]["verified"] is False


def test_weights_of_another_class_count_than_the_source_are_refused(
    weights: Path, checkpoint: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    right = port.load_weights(weights)
    cut = {k: v[:5].contiguous() if "dense" in k else v for k, v in right.state_dict.items()}
    port.save_weights(weights, right.genotype, cut)
    refused = tvn(capsys, "verify", f"--source={checkpoint}", f"--weights={weights}")
    assert refused.status == 2
    assert "5 classes" in refused.err
