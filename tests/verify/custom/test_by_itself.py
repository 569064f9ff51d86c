"""Anybody's port is verified where nothing of Tiny Video Networks exists beside `port`."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
EXAMPLE = ROOT / "examples/keras_small.py"
BORDER = """
import sys

class Border:
    def find_spec(self, name, path=None, target=None):
        if f"{name}.".startswith(("reference_tf.", "verify.tvn.")):
            raise ImportError(f"this reaches {name}")

sys.meta_path.insert(0, Border())
"""
# What is run behind the border.
SCRIPT = """
from verify.custom.training.diagnose import diagnose_own_training
from verify.custom.load import load_spec
from verify.engine.inference import compare_layers
from verify.engine.training import compare_training

spec = load_spec(sys.argv[1])
report = compare_layers(spec)
steps = compare_training(spec.training)
print(len(report.taps), report.passed, steps.passed, diagnose_own_training(spec.training).differing)
"""


def run(script: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", script, str(EXAMPLE)]
    return subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)


def test_it_is_verified_trained_and_diagnosed() -> None:
    done = run(BORDER + SCRIPT)
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.split() == ["13", "True", "True", "[]"]


@pytest.mark.parametrize("reached", ["reference_tf", "verify.tvn"])
def test_the_border_is_guarded(reached: str) -> None:
    assert f"this reaches {reached}" in run(f"{BORDER}import {reached}").stderr
