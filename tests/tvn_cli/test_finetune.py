"""`tvn finetune` and `tvn evaluate`: from a folder of videos to figures, and what they refuse."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch

import port
from tests.train.tiny import TINY, assert_same_bits, figures, state
from tests.tvn_cli.run import Outcome, tvn
from train.checkpoint import last_checkpoint
from train.data.generated import write_generated

QUICK = "epochs=2,batch_size=6,workers=0,log_every=1,test_clips=2"


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("data") / "UCF"
    write_generated(root, classes=2, groups=3, clips=2, frames=12, width=64, height=48)
    return root


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("genotype") / "tiny.json"
    path.write_text(TINY.to_json())
    return path


def test_from_videos_to_a_tested_classifier(
    data: Path, model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "run"
    command = ["finetune", f"--data={data}", f"--run={run}", f"--model={model}", f"--set={QUICK}"]
    done = tvn(capsys, *command)
    assert done.status == 0
    assert "top-1" in done.out
    assert "not verified: trained from scratch" in done.out
    results = json.loads((run / "test-last" / "results.json").read_text())
    assert results["videos"] == len(list(data.rglob("*_g01_*.avi")))
    config = json.loads((run / "config.json").read_text())
    assert (config["epochs"], config["workers"]) == (2, 0)

    again = tvn(capsys, "evaluate", f"--run={run}", f"--output={tmp_path / 'test'}")
    assert again.status == 0
    repeated = json.loads((tmp_path / "test" / "results.json").read_text())
    assert repeated == results
    best = tvn(
        capsys, "evaluate", f"--run={run}", "--which=best", "--clips=1", "--crops=3",
        "--engine=optimized",
    )  # fmt: skip
    assert "chosen by the test itself" in best.out
    tested = json.loads((run / "test-best" / "results.json").read_text())
    assert (tested["engine"], results["engine"]) == ("optimized", "eager")

    logged = (run / "metrics.jsonl").read_text()
    same = tvn(capsys, *command)  # a finished run is tested again, not trained again
    assert same.status == 0
    assert (run / "metrics.jsonl").read_text() == logged
    other = tvn(capsys, *command[:-1], f"--set={QUICK},lr=0.5")
    assert (other.status, "lr=0.5, not 0.01" in other.err) == (2, True)

    net = port.create_model(model, weights=run / "last.safetensors").eval()
    assert net.num_classes == 2
    onnx = tmp_path / "net.onnx"
    exported = tvn(capsys, "export", f"--weights={run / 'last.safetensors'}", f"--output={onnx}")
    assert (exported.status, "not verified" in exported.err) == (2, True)


@pytest.mark.slow
def test_what_was_trained_is_verified_and_exported_like_what_was_converted(
    data: Path, model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run, weights = tmp_path / "run", tmp_path / "run" / "last.safetensors"
    command = ["finetune", f"--data={data}", f"--run={run}", f"--model={model}"]
    assert tvn(capsys, *command, f"--set={QUICK},epochs=1").status == 0
    assert tvn(capsys, "verify", f"--weights={weights}", "--level=inference").status == 0
    exported = tmp_path / "net.onnx"
    assert tvn(capsys, "export", f"--weights={weights}", f"--output={exported}").status == 0
    back = ["convert", "--to_tensorflow", f"--source={weights}", f"--output={tmp_path / 'm.ckpt'}"]
    assert tvn(capsys, *back).status == 0
    onwards = ["finetune", f"--data={data}", f"--run={tmp_path / 'next'}", f"--weights={weights}"]
    done = tvn(capsys, *onwards, f"--set={QUICK},epochs=1")
    assert done.status == 0
    assert "not verified" not in done.out
    origin = json.loads((tmp_path / "next" / "record.json").read_text())["origin"]
    assert (origin["classifier"], origin["verification"]["verified"]) == ("kept", True)


def test_every_fold_is_trained_and_averaged(
    data: Path, model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "run"
    command = ["finetune", f"--data={data}", f"--run={run}", f"--model={model}", "--folds=all"]
    assert tvn(capsys, *command, f"--set={QUICK},epochs=1").status == 0
    folds = json.loads((run / "folds.json").read_text())
    assert folds["folds"] == 3
    singles = [
        json.loads((run / f"fold-{i}" / "test-last" / "results.json").read_text()) for i in range(3)
    ]
    assert folds["top1"]["mean"] == pytest.approx(np.mean([single["top1"] for single in singles]))
    tested = [set(s["split"]["description"].partition("test: ")[2].split()) for s in singles]
    assert set().union(*tested) == {"g01", "g02", "g03"}
    assert sum(map(len, tested)) == 3
    evaluated = tvn(capsys, "evaluate", f"--run={run}", "--folds=all")
    assert evaluated.status == 0
    assert "mean and standard deviation over 3 folds" in evaluated.out


def test_a_random_split_says_that_it_leaks(
    data: Path, model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "run"
    done = tvn(capsys, "finetune", f"--data={data}", f"--run={run}", f"--model={model}",
               "--split=random", f"--set={QUICK},epochs=1")  # fmt: skip
    assert "this split leaks" in done.out
    assert json.loads((run / "record.json").read_text())["split"]["leaks"] is True


def test_sigterm_saves_and_the_same_command_goes_on(
    data: Path, model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = f"--set={QUICK},epochs=40,workers=1,evaluate_every=40"
    command = ["finetune", f"--data={data}", f"--model={model}", settings]
    run, whole = tmp_path / "run", tmp_path / "whole"
    environment = {**os.environ, "OMP_NUM_THREADS": str(torch.get_num_threads())}
    with subprocess.Popen(
        [sys.executable, "-m", "tvn_cli", *command, f"--run={run}"],
        stdout=subprocess.PIPE,
        text=True,
        env=environment,
    ) as process:
        assert process.stdout is not None
        deadline = time.monotonic() + 60
        while not (run / "metrics.jsonl").exists() or len(figures(run)) < 3:
            assert time.monotonic() < deadline
            time.sleep(0.02)
        process.send_signal(signal.SIGTERM)
        rest = process.stdout.read()
    assert process.returncode == 128 + signal.SIGTERM
    assert "state saved" in rest
    assert not (run / "test-last").exists()
    assert tvn(capsys, *command, f"--run={run}").status == 0
    assert tvn(capsys, *command, f"--run={whole}").status == 0
    assert_same_bits(run, whole)


def test_a_run_of_another_process_is_refused_and_signals_twice_leave_it_whole(
    data: Path, model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "run"
    settings = f"--set={QUICK},epochs=400,workers=1,evaluate_every=400,save_minutes=0"
    command = ["finetune", f"--data={data}", f"--model={model}", f"--run={run}", settings]
    for signals in ([signal.SIGTERM, signal.SIGTERM], [signal.SIGINT] * 3):
        before = written(run)
        with subprocess.Popen(
            [sys.executable, "-m", "tvn_cli", *command],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        ) as process:  # fmt: skip
            deadline = time.monotonic() + 60
            while written(run) == before:
                assert time.monotonic() < deadline
                time.sleep(0.02)
            refused = tvn(capsys, *command)
            for number in signals:
                process.send_signal(number)
            out, error = process.communicate(timeout=30)
        assert refused.status == 2
        assert f"a run is going on there, by process {process.pid}" in refused.err
        assert refused.err.count("\n") == 1
        assert process.returncode == 128 + signals[0]
        # Either the first was fulfilled before the second came, or the second said so.
        assert "state saved" in out or (error.count("\n") == 1 and "interrupted" in error)
        assert "Traceback" not in out + error
        assert [path.name for path in run.rglob(".*")] == []
        assert not (run / "run.lock").exists()
        assert len(state(run)) > 20


def written(run: Path) -> int:
    """When the run's last checkpoint was."""
    try:
        return last_checkpoint(run).stat().st_mtime_ns
    except FileNotFoundError:
        return 0


def test_a_damaged_checkpoint_is_named_and_the_one_before_it_goes_on(
    data: Path, model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "run"
    command = ["finetune", f"--data={data}", f"--model={model}", f"--run={run}",
               f"--set={QUICK},epochs=2"]  # fmt: skip
    assert tvn(capsys, *command).status == 0
    whole = last_checkpoint(run).read_bytes()
    last_checkpoint(run).write_bytes(whole[:5000] + bytes([whole[5000] ^ 1]) + whole[5001:])
    refused = tvn(capsys, *command)
    assert refused.status == 2
    assert refused.err.startswith(f"tvn: {last_checkpoint(run)}: damaged: ")
    assert "--resume=previous" in refused.err
    assert refused.err.count("\n") == 1
    assert tvn(capsys, *command, "--resume=previous").status == 0
    assert tvn(capsys, *command).status == 0  # and it is sound again


def test_settings_can_be_listed(capsys: pytest.CaptureFixture[str]) -> None:
    shown = tvn(capsys, "finetune", "--preset=ucf50_tvn1", "--budget=90min", "--show")
    assert shown.status == 0
    assert "model=tvn1" in shown.out
    assert "budget=1.5 " in shown.out
    assert "augmentation.flip=0.5" in shown.out


@pytest.mark.parametrize(
    ("flags", "told"),
    [
        ([], "--data and --run must be given"),
        (["--data=nowhere", "--run=r", "--model=small"], "nowhere"),
        (["--data=DATA", "--run=RUN"], "--weights or --model"),
        (["--data=DATA", "--run=RUN", "--preset=best"], "no such preset; there are ucf50_tvn1"),
        (["--data=DATA", "--run=RUN", "--model=small", "--set=lr"], "name=value"),
        (["--data=DATA", "--run=RUN", "--model=small", "--budget=soon"], "--budget=soon"),
        (["--data=DATA", "--run=RUN", "--model=small", "--budget=٣min"], "must look like"),
        (["--data=DATA", "--run=RUN", "--model=small", "--budget=0.0h"], "must look like"),
        (["--data=DATA", "--run=RUN", "--model=small", f"--budget={'9' * 5000}h"], "budget"),
        (["--data=DATA", "--run=RUN", "--model=small", "--budget=1e9h"], "must look like"),
        (["--data=DATA", "--run=RUN", "--model=small", "--fold=9"], "--fold=9"),
        (["--data=DATA", "--run=FILE/r", "--model=small"], "--run cannot be written"),
        (["--data=DATA", "--run=RUN", "--weights=W"], "not verified"),
    ],
)
def test_bad_requests_are_refused_in_a_line(
    flags: list[str],
    told: str,
    data: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "file").write_text("")
    weights = tmp_path / "w.safetensors"
    port.save_weights(weights, TINY, port.create_model(TINY, 5).state_dict())
    places = {"DATA": data, "RUN": tmp_path / "run", "FILE": tmp_path / "file", "W": weights}
    for name, place in places.items():
        flags = [flag.replace(f"={name}", f"={place}") for flag in flags]
    refused: Outcome = tvn(capsys, "finetune", *flags)
    assert refused.status == 2
    assert told in refused.err
    assert refused.err.count("\n") == 1
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("flags", "told"),
    [([], "--run must be given"), (["--run=nowhere"], "holds no run"),
     (["--run=.", "--folds=all"], "no folds")],
)  # fmt: skip
def test_nothing_to_evaluate_is_refused(
    flags: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    refused = tvn(capsys, "evaluate", *flags)
    assert (refused.status, told in refused.err) == (2, True)
