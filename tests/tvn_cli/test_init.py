"""`tvn init`: what it prints and refuses; files are tried in tests/verify/custom/starting."""

from pathlib import Path

import numpy as np
import pytest

from tests.tvn_cli.run import tvn


def test_it_writes_a_spec_once_and_says_what_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    np.savez("weights.npz", **{"fc/kernel": np.zeros((3, 4))})
    done = tvn(capsys, "init", "weights.npz")
    assert done.status == 0 and done.err == ""
    assert "my_port.py: written" in done.out and "build(), the graph" in done.out
    assert "tvn verify --spec=my_port.py" in done.out
    written = Path("my_port.py").read_text()
    assert "self.fc = nn.Linear(3, 4, bias=False)" in written
    again = tvn(capsys, "init", "weights.npz")
    assert again.status == 2 and "--output" in again.err and again.err.count("\n") == 1
    assert Path("my_port.py").read_text() == written


@pytest.mark.parametrize("arguments", [[], ["one", "two"], ["absent.keras"], ["absent"]])
def test_other_requests_are_refused_in_a_line(
    arguments: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    refused = tvn(capsys, "init", f"--output={tmp_path / 'port.py'}", *arguments)
    assert refused.status == 2 and refused.out == "" and refused.err.count("\n") == 1
    assert not (tmp_path / "port.py").exists()
