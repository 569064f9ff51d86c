"""The plugin in real pytest sessions, each a process of its own."""

import os
import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path
from xml.etree import ElementTree

import pytest

ROOT = Path(__file__).parents[3]
BY_HAND = Path(__file__).parent / "by_hand.py"
PLUGIN = "verify.testing.plugin"
KERAS_SMALL = ROOT / "examples" / "keras_small.py"


def run(folder: Path, *arguments: str | Path, **environment: str) -> str:
    """The output of `pytest`, run in `folder`; it ends with the counts."""
    loaded = [] if entry_points(group="pytest11", name="parity") else ["-p", PLUGIN]
    path = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    ended = subprocess.run(
        [sys.executable, "-m", "pytest", *loaded, "-v", *map(str, arguments)],
        capture_output=True, text=True, cwd=folder, check=False,
        env={**os.environ, "PYTHONPATH": path, "COLUMNS": "200", **environment},
    )  # fmt: skip
    assert "INTERNALERROR" not in ended.stdout + ended.stderr
    return ended.stdout + ended.stderr


def test_every_tap_is_a_test(tmp_path: Path) -> None:
    told = run(tmp_path, f"--parity={BY_HAND}")
    assert [f"by_hand[{tap}] PASSED" in told for tap in ("stem", "act", "classes")] == [True] * 3
    assert "3 passed" in told


def test_the_guilty_tap_fails_and_what_follows_from_it_is_told_apart(tmp_path: Path) -> None:
    told = run(tmp_path, f"--parity={BY_HAND}", "-rx", WRONG="stem")
    assert "by_hand[stem] FAILED" in told
    assert "stem [3, 4]: another function (isolated); by itself off by" in told
    assert "Traceback" not in told
    assert "by_hand[act] XFAIL" in told
    assert "right by itself; differs because of stem" in told
    assert "1 failed, 2 xfailed" in told


def test_k_and_lf_select(tmp_path: Path) -> None:
    assert "1 passed, 2 deselected" in run(tmp_path, f"--parity={BY_HAND}", "-k", "classes")
    run(tmp_path, f"--parity={BY_HAND}", WRONG="classes")
    told = run(tmp_path, f"--parity={BY_HAND}", "--lf", WRONG="classes")
    assert "1 failed" in told
    assert "passed" not in told


def test_processes_share_one_judgement(tmp_path: Path) -> None:
    log = tmp_path / "log"
    told = run(tmp_path, f"--parity={BY_HAND}", "-n", "2", LOG=str(log))
    assert "3 passed" in told
    assert log.read_text().split() == ["read", "ran", "ran"]  # in each precision


def test_a_test_file_names_a_spec(tmp_path: Path) -> None:
    lines = ["from verify import parity_tests", f"test_port = parity_tests({str(BY_HAND)!r})"]
    (tmp_path / "test_mine.py").write_text("\n".join(lines))
    told = run(tmp_path, f"--junitxml={tmp_path / 'out.xml'}", WRONG="act")
    assert "test_mine.py::test_port::by_hand[act] FAILED" in told
    assert "1 failed, 1 passed, 1 xfailed" in told
    cases = ElementTree.parse(tmp_path / "out.xml").getroot().iter("testcase")
    assert [case.get("name") for case in cases] == [
        f"by_hand[{t}]" for t in ("stem", "act", "classes")
    ]


def test_an_editor_collects_names_without_judging(tmp_path: Path) -> None:
    log = tmp_path / "log"
    told = run(tmp_path, f"--parity={BY_HAND}", "--collect-only", LOG=str(log))
    assert "by_hand[classes]" in told
    assert "3 tests collected" in told
    assert log.read_text().split() == ["read"]


def test_a_spec_that_cannot_be_judged_is_a_line(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text("1 / 0\n")
    told = run(tmp_path, "--parity=mine.py")
    assert "mine.py, line 1: ZeroDivisionError: division by zero" in told
    assert "Traceback" not in told
    assert "--parity=nowhere.py: no such file" in run(tmp_path, "--parity=nowhere.py")


def test_a_keras_port_in_two_processes_in_training_too(tmp_path: Path) -> None:
    told = run(tmp_path, f"--parity={KERAS_SMALL}", "-n", "2", "--parity-level=training")
    assert "keras_small[gradient/stem/kernel] " in told
    assert " failed" not in told.splitlines()[-1]


@pytest.mark.parametrize("module", ["torch", "tensorflow", "keras", "numpy", "port"])
def test_a_plugin_that_is_not_used_imports_nothing_large(module: str) -> None:
    program = f"import verify.testing.plugin, sys; sys.exit({module!r} in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=False).returncode == 0
