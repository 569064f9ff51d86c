"""Anybody's port is verified where the original of Tiny Video Networks does not exist."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]
EXAMPLE = ROOT / "examples/keras_small.py"
SCRIPT = """
import sys

class Border:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "reference_tf":
            raise ImportError(f"this reaches {name}")

sys.meta_path.insert(0, Border())
from verify.custom.diagnose_training import diagnose_own_training
from verify.custom.load import load_spec
from verify.engine.inference import compare_layers
from verify.engine.training import compare_training

spec = load_spec(sys.argv[1])
report = compare_layers(spec)
steps = compare_training(spec.training)
print(len(report.taps), report.passed, steps.passed, diagnose_own_training(spec.training).differing)
"""
GUARD = "from verify.tvn.original import import_original\nimport_original()\n"


def run(script: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", script, str(EXAMPLE)]
    return subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)


def test_it_is_verified_trained_and_diagnosed() -> None:
    done = run(SCRIPT)
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.split() == ["11", "True", "True", "[]"]


def test_the_border_is_guarded() -> None:
    assert "this reaches reference_tf" in run(SCRIPT + GUARD).stderr
