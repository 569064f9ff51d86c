"""A benchmark times engines in turn, and says where one computes something else."""

import json
from pathlib import Path

import numpy as np
import pytest

from port import InputError
from tests.tvn_cli.run import tvn
from tests.verify.nets import EVERY_LAYER
from verify.tvn.speed.run import benchmark
from verify.tvn.speed.summary import compare, speed_up


@pytest.fixture
def model(tmp_path: Path) -> str:
    (tmp_path / "small.json").write_text(EVERY_LAYER.to_json())
    return str(tmp_path / "small.json")


def test_each_engine_is_timed_in_each_round_and_gives_the_same_logits(
    model: str, tmp_path: Path
) -> None:
    doing = list[str]()
    data = benchmark([model], ["eager", "optimized"], tmp_path / "kept", batches=[2], rounds=1,
                     seconds=0, watch=doing.append)  # fmt: skip
    assert [row["engine"] for row in data["rows"]] == ["eager", "optimized"]
    for row in data["rows"]:
        assert row["failure"] is None and row["agrees"]
        assert 0 < row["best_ms"] <= row["median_ms"]
        assert row["clips_per_second"] == pytest.approx(2e3 / row["median_ms"])
        assert row["peak_mb"] > 50
    assert [step for step in doing if step.startswith("round")] == [
        "round 1 of 1: small, eager",
        "round 1 of 1: small, optimized",
    ]
    assert data["against_others"] == [] and data["left_out"] == []
    assert set(data["optimized_against_eager"]["nets"]) == {"small"}


def test_other_logits_are_no_success(
    model: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "kept" / "small").mkdir(parents=True)
    np.save(tmp_path / "kept" / "small" / "logits-1.npy", np.ones((1, 50), np.float32))
    done = tvn(capsys, "benchmark", f"--model={model}", "--engines=eager", "--rounds=1",
               "--seconds=1", f"--keep={tmp_path / 'kept'}",
               f"--json={tmp_path / 's.json'}")  # fmt: skip
    assert done.status == 1
    (row,) = json.loads((tmp_path / "s.json").read_text())["rows"]
    assert not row["agrees"]
    assert "!" in done.out


def test_an_engine_that_fails_is_told_and_the_others_go_on(model: str, tmp_path: Path) -> None:
    """TensorFlow's graph is there already, and is none."""
    (tmp_path / "small").mkdir()
    (tmp_path / "small" / "frozen-1.pb").write_bytes(b"no graph")
    data = benchmark([model], ["tensorflow", "eager"], tmp_path, rounds=1, seconds=0)
    broken, right = data["rows"]
    assert "DecodeError" in broken["failure"]
    assert "median_ms" not in broken
    assert right["agrees"]


@pytest.mark.parametrize(
    ("flags", "told"),
    [
        (("--engines=abacus",), "--engines=abacus"),
        (("--batches=0",), "--batches=0"),
        (("--model=absent",), "absent"),
    ],
)
def test_bad_requests_are_refused(
    flags: tuple[str, ...], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    done = tvn(capsys, "benchmark", *flags)
    assert done.status == 2
    assert told in done.err and done.err.count("\n") == 1


def test_an_engine_asked_for_by_name_must_be_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from verify.tvn.speed import engines

    monkeypatch.setattr(engines, "find_spec", lambda name: None)
    with pytest.raises(InputError, match=r"openvino, which needs onnx: pip install"):
        benchmark(["tvn1"], ["openvino"], tmp_path)


def test_means_are_geometric_and_count_only_what_agrees() -> None:
    times = {("a", "eager"): 8.0, ("a", "optimized"): 2.0, ("a", "onnxruntime"): 3.0,
             ("b", "eager"): 9.0, ("b", "optimized"): 3.0, ("b", "onnxruntime"): 9.0}  # fmt: skip
    rows = [
        {"net": net, "engine": engine, "batch": 1, "agrees": True, "median_ms": ms}
        for (net, engine), ms in times.items()
    ]
    wrong = {"net": "a", "engine": "tensorflow", "batch": 1, "agrees": False, "median_ms": 0.1}
    (found,) = compare([*rows, wrong])
    assert found["nets"] == {"a": 1.5, "b": 3.0}
    assert found["geometric_mean"] == pytest.approx(4.5**0.5)
    assert speed_up(rows, "optimized", "eager") == {"a": 4.0, "b": 3.0}


def test_what_is_kept_is_measured_of_the_net_that_is_asked_for_alone(
    model: str, tmp_path: Path
) -> None:
    kept = tmp_path / "kept"
    benchmark([model], [], kept, rounds=1, seconds=0, num_classes=5)
    with pytest.raises(InputError, match="--keep holds another net"):
        benchmark([model], [], kept, rounds=1, seconds=0, num_classes=6)
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "small.json").write_text(EVERY_LAYER.to_json())
    with pytest.raises(InputError, match="two nets of one name"):
        benchmark([model, str(tmp_path / "other" / "small.json")], [], kept, rounds=1, seconds=0)
