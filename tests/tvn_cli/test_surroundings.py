"""What lies beside: files of the user's with our packages' names, and extras that are not there."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.tvn_cli.test_terminal import CALLS, ROOT, TVN
from tvn_cli.process.failures import EXTRAS
from tvn_cli.process.shadowing import OWN

# Runs each call in turn where the packages of all extras cannot be found; prints what came of it.
BARE = """
import contextlib, io, json, sys
from importlib.machinery import PathFinder

hidden, calls = map(json.loads, sys.argv[1:])

class Bare(PathFinder):
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        missing = name.partition(".")[0] in hidden
        return None if missing else super().find_spec(name, path, target)

sys.meta_path[:] = [Bare if finder is PathFinder else finder for finder in sys.meta_path]
from tvn_cli.main import main

told = []
for call in calls:
    error = io.StringIO()
    with contextlib.redirect_stderr(error), contextlib.redirect_stdout(io.StringIO()):
        status = main(call.split())
    told.append([call, status, error.getvalue()])
print(json.dumps(told))
"""
# Those that need none, or nothing before they have read a file.
CONTENT = {
    "models": 0,
    "compare": 2,
    "convert": 2,
    "inspect": 2,
    "init": 2,
    "export": 2,
    "finetune --show": 0,
}
FURTHER = ["data check .", "data prepare . --output=c", "finetune --data=. --run=r --model=tvn1"]


def tvn(folder: Path, *arguments: str, **env: str) -> "subprocess.CompletedProcess[str]":
    environment = os.environ | {"PYTHONPATH": str(ROOT)} | env
    command = [*TVN, *arguments]
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False
    )


def test_a_missing_extra_is_named_by_every_command(tmp_path: Path) -> None:
    calls = [*CALLS.values(), *FURTHER]
    done = subprocess.run(
        [sys.executable, "-c", BARE, json.dumps(list(EXTRAS)), json.dumps(calls)],
        cwd=tmp_path, env=os.environ | {"PYTHONPATH": str(ROOT)}, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    for call, status, error in json.loads(done.stdout):
        own = {call, call.split()[0]} & CONTENT.keys()
        assert status == (CONTENT[own.pop()] if own else 2), call
        if not {call, call.split()[0]} & CONTENT.keys():
            assert error.count("\n") == 1, call
            assert "pip install 'tvn-port[" in error, call


@pytest.mark.parametrize("path", ["", "."])
def test_files_with_our_packages_names_stand_behind(path: str, tmp_path: Path) -> None:
    for name in (*OWN[:3], "verify", "numpy", "random"):
        (tmp_path / f"{name}.py").write_text("raise RuntimeError('the user''s own')")
    folders = os.pathsep.join(filter(None, [path, str(ROOT)]))
    done = tvn(tmp_path, "models", PYTHONPATH=folders)
    assert (done.returncode, done.stderr) == (0, "")
    done = tvn(tmp_path, "finetune", "--show", PYTHONPATH=folders)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(
    ("name", "text", "meant"),
    [
        ("absl", "raise RuntimeError('mine')", "installed package"),
        ("numpy", "answer = 42", "installed package"),
        ("queue", "answer = 42", "Python's own module"),
    ],
)
def test_what_stands_in_front_of_others_is_named(
    name: str, text: str, meant: str, tmp_path: Path
) -> None:
    (tmp_path / "elsewhere").mkdir()
    file = tmp_path / "elsewhere" / f"{name}.py"
    file.write_text(text)
    folders = f"{file.parent}{os.pathsep}{ROOT}"
    done = tvn(tmp_path, "models", PYTHONPATH=folders)
    assert done.returncode == 2, done.stderr
    assert done.stderr.count("\n") == 1
    assert f"{file} stands in front of" in done.stderr
    assert meant in done.stderr
