"""A command answers at once where there is nothing to compute: by then it has imported little."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tvn_cli.main import COMMANDS
from verify.tvn.variant_names import NAMES
from verify.tvn.variants import VARIANTS

ROOT = Path(__file__).parents[2]
HEAVY = ("torch", "tensorflow", "keras", "onnx", "onnxruntime", "matplotlib", "av", "sympy")
SCRIPT = """
import json, sys
from tvn_cli.main import main

heavy, *calls = sys.argv[1:]
for call in calls:
    status = main(call.split())
    print(json.dumps([call, status, sorted(sys.modules.keys() & set(heavy.split()))]),
          file=sys.stderr)
"""


def imported(*calls: str) -> list[tuple[str, int, list[str]]]:
    """For each of the calls, one after the other in one process: its status, what is imported."""
    import json

    command = [sys.executable, "-c", SCRIPT, " ".join(HEAVY), *calls]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT,
                          env=os.environ | {"PYTHONPATH": str(ROOT)})  # fmt: skip
    told = [line for line in done.stderr.splitlines() if line.startswith("[")]
    return [tuple(json.loads(line)) for line in told]


def test_help_imports_no_framework() -> None:
    calls = ["--help", *(f"{command} --help" for command in COMMANDS)]
    assert imported(*calls) == [(call, 0, []) for call in calls]


def test_a_refused_flag_imports_no_framework() -> None:
    calls = [
        "nonsense",
        *(f"{command} --nonsense" for command in COMMANDS),
        "models extra",
        "convert",
        "verify",
        "verify --level=x",
        "verify --model=tvn1 --also=x",
        "verify --review",
        "verify --spec=x --model=y",
        "finetune",
        "evaluate",
        "predict",
        "predict x",
        "export",
        "measure-verifier extra",
        "demo extra",
    ]
    assert imported(*calls) == [(call, 2, []) for call in calls]


def test_the_published_nets_are_counted_without_running_them() -> None:
    (_, status, heavy), = imported("models --json")  # fmt: skip
    assert (status, heavy) == (0, ["torch"])


@pytest.mark.parametrize("name", VARIANTS)
def test_the_names_of_variants_are_those_that_are_made(name: str) -> None:
    assert name in NAMES and len(NAMES) == len(VARIANTS) + 1
