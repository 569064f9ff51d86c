"""Whatever becomes of a command's output, and whenever Ctrl-C comes: a status and one line."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from tvn_cli.main import COMMANDS

# For each command, a call that gets as far as importing PyTorch without any file.
CALLS = {
    "models": "models",
    "convert": "convert --source=absent --output=w",
    "inspect": "inspect absent",
    "init": "init absent",
    "verify": "verify --model=tvn1",
    "compare": "compare absent.json absent.json",
    "data": "data generate videos",
    "finetune": "finetune --show",
    "evaluate": "evaluate --run=absent",
    "predict": "predict --run=absent video",
    "export": "export --weights=absent --output=o.onnx",
    "benchmark": "benchmark --engines=openvino",
    "measure-verifier": "measure-verifier",
    "demo": "demo",
}
TVN = [sys.executable, "-m", "tvn_cli"]
ROOT = Path(__file__).parents[2]
NOT_UTF8 = (
    {"LC_ALL": "POSIX", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
    {"PYTHONIOENCODING": "ascii"},
    {"PYTHONIOENCODING": "latin-1"},
)
# Runs `tvn` with one change: the first module whose name starts so sends Ctrl-C as it is imported.
INTERRUPTED = """
import os, signal, sys
when = sys.argv.pop(1)

class Interrupts:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == when:
            sys.meta_path.remove(self)
            os.kill(os.getpid(), signal.SIGINT)

sys.meta_path.insert(0, Interrupts())
from tvn_cli.entry import run
run()
"""


def run(
    command: Sequence[str], folder: Path, env: dict[str, str] | None = None, **kwargs: object
) -> "subprocess.CompletedProcess[bytes]":
    environment = os.environ | {"PYTHONPATH": str(ROOT)} | (env or {})
    streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE} | kwargs
    return subprocess.run(command, cwd=folder, env=environment, check=False, **streams)  # type: ignore[call-overload, no-any-return]


def assert_told(done: "subprocess.CompletedProcess[bytes]", status: int, *words: str) -> None:
    line = done.stderr.decode("latin-1")
    assert done.returncode == status, line
    assert line.startswith("tvn: ")
    assert line.count("\n") == 1
    for word in words:
        assert word in line


def test_there_is_a_call_of_every_command() -> None:
    assert CALLS.keys() == COMMANDS.keys()


@pytest.mark.parametrize("verb", ["", *COMMANDS])
def test_output_that_takes_no_more_is_told(verb: str, tmp_path: Path) -> None:
    command = [*TVN, *([verb] if verb else []), "--help"]
    with Path("/dev/full").open("wb") as full:
        assert_told(run(command, tmp_path, stdout=full), 2, "output", "No space left")
    closed = run(["sh", "-c", 'exec "$@" >&-', "sh", *command], tmp_path)
    assert_told(closed, 2, "output is closed")
    nobody, pipe = os.pipe()
    os.close(nobody)
    assert_told(run(command, tmp_path, stdout=pipe), 141, "nobody reads")
    os.close(pipe)
    assert run(["sh", "-c", 'exec "$@" 0<&- 2>&-', "sh", *command], tmp_path).returncode == 0


@pytest.mark.parametrize("env", NOT_UTF8, ids=str)
def test_output_that_is_no_utf8_is_written_all_the_same(
    env: dict[str, str], tmp_path: Path
) -> None:
    done = run([*TVN, "models"], tmp_path, env)
    assert (done.returncode, done.stderr) == (0, b"")
    figures = re.findall(rb"^tvn_mobile_1(.*)$", done.stdout, re.MULTILINE)[0]
    assert figures.split()[-5:] == [b"-"] * 5
    done = run([*TVN, "inspect", "Fu\u00dfball\u4e09.npz"], tmp_path, env)
    assert_told(done, 2, "no such file")


@pytest.mark.parametrize("verb", COMMANDS)
def test_ctrl_c_while_libraries_are_imported_is_one_line(verb: str, tmp_path: Path) -> None:
    when = "absl" if verb in ("data", "finetune") else "numpy"
    command = [sys.executable, "-c", INTERRUPTED, when, *CALLS[verb].split()]
    assert_told(run(command, tmp_path), 128 + signal.SIGINT, "interrupted")
    assert list(tmp_path.iterdir()) == []


def test_ctrl_c_counts_though_a_library_makes_another_error_of_it(tmp_path: Path) -> None:
    script = INTERRUPTED.replace("os.kill(", "hide(").replace(
        "class", "def hide(*_):\n  try: signal.raise_signal(signal.SIGINT)\n"
        "  except KeyboardInterrupt: raise SystemError('of a library') from None\nclass", 1
    )  # fmt: skip
    command = [sys.executable, "-c", script, "torch", "models"]
    assert_told(run(command, tmp_path), 130, "interrupted")
    swallowed = script.replace("raise SystemError('of a library') from None", "pass")
    command = [sys.executable, "-c", swallowed, "torch", "models"]
    assert_told(run(command, tmp_path), 130, "interrupted")


@pytest.mark.parametrize("verb", COMMANDS)
def test_too_little_memory_is_one_line(verb: str, tmp_path: Path) -> None:
    limited = ["sh", "-c", 'ulimit -v 300000; exec "$@"', "sh", *TVN, *CALLS[verb].split()]
    assert_told(run(limited, tmp_path), 2, "out of memory", "ulimit -v")


def test_tensorflow_is_not_started_where_it_would_end_the_process(tmp_path: Path) -> None:
    limited = ["sh", "-c", 'ulimit -v 2500000; exec "$@"', "sh", *TVN, *CALLS["verify"].split()]
    assert_told(run(limited, tmp_path), 2, "out of memory", "TensorFlow")


def test_a_working_folder_that_is_gone_is_told(tmp_path: Path) -> None:
    script = 'mkdir gone; cd gone; rmdir ../gone; exec "$@"'
    command = ["sh", "-c", script, "sh", *TVN, "models"]
    assert_told(run(command, tmp_path), 2, "working folder")


def test_a_mistake_of_our_own_is_no_failed_check(tmp_path: Path) -> None:
    script = (
        "import tvn_cli.main, tvn_cli.entry, sys\n"
        "def broken(*_): raise KeyError('x')\n"
        "tvn_cli.main._run_command = broken\nsys.argv = ['tvn', 'models']\ntvn_cli.entry.run()"
    )
    done = run([sys.executable, "-c", script], tmp_path)
    assert done.returncode == 70
    assert b"KeyError" in done.stderr
    assert done.stderr.splitlines()[-1].startswith(b"tvn: a mistake in tvn itself")


def test_help_and_refused_flags_import_no_framework(tmp_path: Path) -> None:
    script = (
        "import sys; from tvn_cli.main import COMMANDS, main\n"
        "for verb in COMMANDS: assert main([verb, '--help']) == 0\n"
        "for verb in COMMANDS: assert main([verb, '--wings=2']) == 2\n"
        "assert not sys.modules.keys() & {'torch', 'tensorflow', 'av'}, 'imported'"
    )
    done = run([sys.executable, "-c", script], tmp_path)
    assert done.returncode == 0, done.stderr


def test_no_number_is_cut_on_a_narrow_terminal(tmp_path: Path) -> None:
    terminal, other = os.openpty()
    done = run([*TVN, "models"], tmp_path, {"COLUMNS": "40", "TERM": "xterm"}, stdout=other)
    os.close(other)
    shown = b""
    while len(shown) < 1 << 20:
        try:
            shown += os.read(terminal, 1 << 16)
        except OSError:
            break
    os.close(terminal)
    piped = run([*TVN, "models"], tmp_path).stdout.decode()
    lines = re.sub(r"\x1b\[[0-9;]*m", "", shown.decode()).replace("\r\n", "\n")
    assert done.returncode == 0
    assert lines == piped
    assert "…" not in piped
    assert "108,834,766" in piped
    table = piped.partition("\n- ")[0].splitlines()
    assert max(map(len, table)) <= 80
