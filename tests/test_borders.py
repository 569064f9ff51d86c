"""The way through the house is one way: each package starts where those behind it do not exist.

Each is imported, with all of its modules, in a fresh interpreter that refuses the forbidden ones.
"""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
OURS = {"port", "reference_tf", "verify", "train", "tvn_cli", "benchmarks", "tests"}
FRAMEWORKS = {"torch", "tensorflow", "onnx", "onnxruntime", "onnxscript"}
MAY_IMPORT = {
    "reference_tf": {"tensorflow"},
    "port": {"torch"},
    # The original and ONNX Runtime only once a runner of theirs starts.
    "verify": {"torch", "port"},
    "train": {"torch", "port"},
}

SCRIPT = """
import importlib, pkgutil, sys

package, forbidden = sys.argv[1], set(sys.argv[2].split())

class Border:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in forbidden:
            raise ImportError(f"{package} reaches {name}")

sys.meta_path.insert(0, Border())
imported = importlib.import_module(package)
for module in pkgutil.walk_packages(imported.__path__, package + "."):
    if not module.name.rpartition(".")[2].startswith("onnx"):  # they are what starts ONNX
        importlib.import_module(module.name)
"""


@pytest.mark.parametrize("package", MAY_IMPORT)
def test_a_package_imports_nothing_behind_it(package: str) -> None:
    if not (ROOT / package).is_dir():
        pytest.skip(f"there is no {package} here")
    forbidden = (OURS | FRAMEWORKS) - MAY_IMPORT[package] - {package}
    assert import_alone(package, forbidden) == ""


def test_the_border_is_guarded() -> None:
    assert "port reaches numpy" in import_alone("port", {"numpy"})


def import_alone(package: str, forbidden: set[str]) -> str:
    """What the import said last on its standard error; nothing if it succeeded."""
    command = [sys.executable, "-c", SCRIPT, package, " ".join(forbidden)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)
    return "" if done.returncode == 0 else done.stderr.strip().splitlines()[-1]
