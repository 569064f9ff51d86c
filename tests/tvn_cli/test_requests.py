"""What cannot be done is answered as a person would; help, version, quiet, tables of any width."""

import re
from pathlib import Path

import pytest

import port
from tests.tvn_cli.run import tvn
from tests.verify.reports.samples import tvn_failing, tvn_passing
from tvn_cli.screen.conversion import FEW, _by_reason
from tvn_cli.screen.verification import print_taps

ANSWERS = {
    "verfy": "verfy: no such command; did you mean verify?",
    "help exprot": "exprot: no such command; did you mean export?",
    "verify --batch=zero": "--batch=zero: give a whole number, 1 or more",
    "verify --batch=-1": "--batch=-1: give a whole number, 1 or more",
    "data check d --quality=99": "--quality=99: give a whole number from 2 to 31",
    "verify --level=all": "--level=all: give one of inference, probes, training, full",
    "models --json=maybe": "--json=maybe: give true or false",
    "verify --batch=2 --batch=3": "--batch is given twice (2 and 3); give it once",
    "verify --batch 2 --batch 3": "--batch is given twice (2 and 3); give it once",
    "models --json --nojson": "--json is given twice; give it once",
    "verify --report=": "--report is empty; give a value, or leave the flag out",
    "convert --source": "--source wants a value: --source=…",
    "verify --mdoel=tvn1": "--mdoel: tvn verify has no such flag; did you mean --model?",
    "verify tvn1": "'tvn1' is no flag; did you mean --model=tvn1?",
    "verify mine.py": "'mine.py' is no flag; did you mean --spec=mine.py?",
    "export w.safetensors": "'w.safetensors' is no flag; did you mean --weights=w.safetensors?",
    "models tvn1": "'tvn1' is no flag; it takes flags alone",
}


@pytest.mark.parametrize("request_", ANSWERS)
def test_a_slip_is_answered_in_a_line(request_: str, capsys: pytest.CaptureFixture[str]) -> None:
    done = tvn(capsys, *request_.split())
    assert (done.status, done.out, done.err) == (2, "", f"tvn: {ANSWERS[request_]}\n")


def test_flags_may_stand_behind_and_repeat_where_they_may(
    checkpoint: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    done = tvn(capsys, "inspect", checkpoint, "--nostatistics", "--prefix=")
    assert done.status == 0 and "tensors" in done.out
    done = tvn(capsys, "finetune", "--show", "--set=seed=1", "--set=steps=2")
    assert "twice" not in done.err


def test_help_of_a_command_is_its_own(capsys: pytest.CaptureFixture[str]) -> None:
    assert tvn(capsys, "help", "verify") == tvn(capsys, "verify", "--help")
    assert "--quiet" in tvn(capsys, "help", "models").out


def test_version_tells_what_a_bug_report_needs(capsys: pytest.CaptureFixture[str]) -> None:
    done = tvn(capsys, "--version")
    assert done.status == 0
    assert done.out.splitlines()[0] == f"tvn-port {port.__version__}"
    for package in ("python", "torch", "tensorflow", "keras", "onnxruntime", "numpy"):
        assert re.search(rf"^{package}(-cpu)? \d", done.out, re.MULTILINE)


def test_quiet_prints_errors_alone(capsys: pytest.CaptureFixture[str]) -> None:
    done = tvn(capsys, "models", "--quiet")
    assert (done.status, done.out, done.err) == (0, "", "")
    done = tvn(capsys, "export", "--quiet", "--weights=absent", "--output=w.onnx")
    assert done.status == 2 and done.out == "" and "absent" in done.err
    assert "tvn1" in tvn(capsys, "models").out  # the next one speaks again


def test_floods_are_counted() -> None:
    slots = {f"layer{n}/Momentum": "an optimizer's slot" for n in range(90)}
    told = list(_by_reason({**slots, "global_step": "counts steps"}))
    assert told[0] == "  90 tensors, as layer0/Momentum: an optimizer's slot"
    assert told[1] == "  global_step: counts steps"
    assert len(told) == 3 < FEW and "--verbose" in told[-1]


@pytest.mark.parametrize("width", [80, 100, 300])
def test_tables_of_taps_are_whole_at_any_width(
    width: int, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")  # rich takes it for a terminal then
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("COLUMNS", str(width))
    print_taps(tvn_passing().taps)
    lines = re.sub(r"\x1b\[[0-9;]*m", "", capsys.readouterr().out).splitlines()
    assert max(map(len, lines)) <= width
    assert len(lines) == len(tvn_passing().taps) + 1
    assert all(tap.name in line for tap, line in zip(tvn_passing().taps, lines[1:], strict=True))
    assert "…" not in "".join(lines) and lines[0].split()[-1] == "verdict"
    assert ("shape" in lines[0]) is (width > 100)


def test_a_pipe_gets_every_column(capsys: pytest.CaptureFixture[str]) -> None:
    print_taps(tvn_failing().taps)
    heading, *rows = capsys.readouterr().out.splitlines()
    assert heading.split("  ")[0] == "tap" and "float32 error" in heading
    for tap, row in zip(tvn_failing().taps, rows, strict=True):
        assert tap.name in row and (tap.complaint or "same") in row
