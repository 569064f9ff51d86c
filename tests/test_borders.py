"""The way through the house is one way: each package starts where those behind it do not exist.

Each is imported, with all of its modules, in a fresh interpreter that refuses the forbidden ones.
What imports what inside functions is held by import-linter, in `make lint`.
"""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
OURS = {"port", "reference_tf", "verify", "train", "tvn_cli", "benchmarks", "tests", "examples"}
FRAMEWORKS = {"torch", "tensorflow", "keras", "onnx", "onnxruntime", "onnxscript"}
# Packages that nothing of ours is built upon: they may import anything.
OUTSIDE = {"benchmarks", "tests", "examples"}
# A package with a border of its own is none of its parent's business.
MAY_IMPORT = {
    "reference_tf": {"tensorflow", "keras"},
    "port": {"torch"},
    # The original and ONNX Runtime only once a runner of theirs starts.
    "verify": {"torch", "port"},
    "verify.numerics": set(),
    "verify.specs": {"port"},
    "verify.runners.onnx": {"torch", "port", "onnx", "onnxruntime", "onnxscript"},
    "train": {"torch", "port"},
    "tvn_cli": {"torch", "port", "verify", "train"},
}

SCRIPT = """
import importlib, pkgutil, sys

package, forbidden, others = sys.argv[1], set(sys.argv[2].split()), sys.argv[3].split()

class Border:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in forbidden:
            raise ImportError(f"{package} reaches {name}")

sys.meta_path.insert(0, Border())
imported = importlib.import_module(package)
for module in pkgutil.walk_packages(imported.__path__, package + "."):
    if not any(f"{module.name}.".startswith(f"{other}.") for other in others):
        importlib.import_module(module.name)
"""


@pytest.mark.parametrize("package", MAY_IMPORT)
def test_a_package_imports_nothing_behind_it(package: str) -> None:
    root = package.partition(".")[0]
    forbidden = (OURS | FRAMEWORKS) - MAY_IMPORT[package] - {root}
    others = [other for other in MAY_IMPORT if other.startswith(f"{package}.")]
    assert import_alone(package, forbidden, others) == ""


def test_no_package_is_without_a_border() -> None:
    found = {path.parent.name for path in ROOT.glob("*/*.py")}
    assert found <= OUTSIDE | MAY_IMPORT.keys()


def test_the_border_is_guarded() -> None:
    assert "port reaches numpy" in import_alone("port", {"numpy"})
    assert "verify reaches onnx" in import_alone("verify", {"onnx"})


def test_importing_verify_starts_nothing() -> None:
    watched = FRAMEWORKS | {"numpy", "rich", "matplotlib", "reference_tf", "port"}
    code = f"import sys, verify; print(sorted(sys.modules.keys() & {watched}))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True,
                          cwd=ROOT)  # fmt: skip
    assert done.stdout.strip() == "[]"


def test_every_public_name_of_verify_is_there_and_told_to_type_checkers() -> None:
    import verify

    source = Path(str(verify.__file__)).read_text()
    typed = source[: source.index("_MODULES")]
    for name in verify.__all__:
        assert getattr(verify, name) is not None
        assert f" {name}" in typed, f"{name} has no type"
    assert set(verify.__all__) == set(verify._HOME)
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        verify.nothing  # noqa: B018


def test_no_page_and_no_example_imports_deeper_than_the_public_api() -> None:
    pages = [ROOT / "README.md", *ROOT.glob("docs/*.md"), *ROOT.glob("examples/*")]
    deeper = re.compile(r"(from|import) +verify\.\w")
    assert len(pages) > 10
    assert [str(page) for page in pages if page.is_file() and deeper.search(page.read_text())] == []


@pytest.mark.parametrize("package", sorted({name.partition(".")[0] for name in MAY_IMPORT}))
def test_type_checkers_of_users_see_every_package(package: str) -> None:
    assert (ROOT / package / "py.typed").is_file()


def import_alone(package: str, forbidden: set[str], others: list[str] | None = None) -> str:
    """What the import said last on its standard error; nothing if it succeeded."""
    rest = [" ".join(forbidden), " ".join(others or ())]
    command = [sys.executable, "-c", SCRIPT, package, *rest]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)
    return "" if done.returncode == 0 else done.stderr.strip().splitlines()[-1]
