"""What the documentation shows as code runs: the notebooks, and the README's use of the nets."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import port
from tests.docs.notebooks import EXAMPLES, NOTEBOOKS

ROOT = EXAMPLES.parent


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_a_notebook_runs_from_top_to_bottom(name: str, tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from tests.docs.notebooks import run_notebook;"
        "run_notebook(Path(sys.argv[1]))"
    )
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    done = subprocess.run(
        [sys.executable, "-c", code, str(EXAMPLES / name)],
        cwd=tmp_path,
        env=os.environ | {"PATH": path, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_readme_s_use_of_a_net_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    code = re.findall(r"```python\n(.*?)```", readme.partition("## Use")[2], re.DOTALL)[0]
    net = port.create_model("tvn1", num_classes=50)
    port.save_weights(tmp_path / "tvn1.safetensors", port.Genotype.load("tvn1"), net.state_dict())
    monkeypatch.chdir(tmp_path)
    exec(code, names := {})
    assert names["logits"].shape == (1, 50)
    assert names["net"].num_classes == 10
