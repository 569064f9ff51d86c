"""`tvn data`: the exit status says whether a data set is fit, the output why not."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.train.broken import HOPELESS, write_hopeless
from tests.tvn_cli.run import tvn


def test_generated_data_is_checked_and_cached(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    size = ("--classes=2", "--groups=2", "--clips=1", "--frames=6")
    assert tvn(capsys, "data", "generate", tmp_path / "data", *size).status == 0
    done = tvn(capsys, "data", "check", tmp_path / "data")
    assert done.status == 0
    assert "4 videos of 2 classes and 2 groups (form: ucf)" in done.out
    assert "160x120 (4)" in done.out
    done = tvn(capsys, "data", "prepare", tmp_path / "data", f"--output={tmp_path / 'cache'}")
    assert done.status == 0
    assert "4 videos written" in done.out
    summary = json.loads(tvn(capsys, "data", "check", tmp_path / "cache", "--json").out)
    assert summary["passed"]
    assert summary["codecs"] == {"mjpeg": 4}
    assert tvn(capsys, "data", "generate", tmp_path / "data", *size).status == 2


def test_what_is_not_fit_is_named_and_exit_status_is_1(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("[bold]A", "empty"):
        (tmp_path / "data" / name).mkdir(parents=True)
    write_hopeless(tmp_path / "data/[bold]A")
    done = tvn(capsys, "data", "check", tmp_path / "data")
    assert done.status == 1
    for name, why in HOPELESS.items():
        assert name == "absent.avi" or f"UNREADABLE: [bold]A/{name}: {why}" in done.out
    assert "EMPTY CLASS: empty" in done.out
    done = tvn(capsys, "data", "prepare", tmp_path / "data", f"--output={tmp_path / 'cache'}")
    assert done.status == 1
    assert "text.avi: Invalid data" in done.out


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ((), "tvn data check DIR"),
        (("look", "."), "check, prepare, generate"),
        (("check", "absent"), "absent"),
        (("check", "a", "b"), "tvn data check DIR"),
        (("prepare", "."), "--output"),
    ],
)
def test_a_bad_request_is_refused_in_one_line(
    arguments: tuple[str, ...], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    done = tvn(capsys, "data", *arguments)
    assert done.status == 2
    assert told in done.err
    assert len(done.err.splitlines()) == 1


def test_without_the_extra_the_mend_is_told() -> None:
    script = (
        "import sys; sys.modules['av'] = None; from tvn_cli.main import main; "
        "sys.exit(main(['data', 'check', '.']))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr == "tvn: tvn data needs av: pip install 'tvn-port[train]'\n"
