"""`tvn demo` does the main job end to end; `tvn models` counts what the paper states."""

import json
from pathlib import Path

import pytest

from port import list_models
from tests.tvn_cli.run import tvn


def test_models_are_counted_and_held_against_the_paper(capsys: pytest.CaptureFixture[str]) -> None:
    done = tvn(capsys, "models", "--json")
    assert done.status == 0
    found = json.loads(done.out)
    rows = {row["name"]: row for row in found["models"]}
    assert sorted(rows) == list_models()
    assert rows["tvn1"]["parameters"] == 25_822_560
    assert rows["tvn4"]["parameters"] == 43_076_844
    assert rows["tvn2"]["paper"]["gflops"] == "17"
    assert rows["tvn_mobile_1"]["paper"] is None
    notes = "\n".join(found["notes"])
    assert "tvn2 like TVN-3, tvn3 like TVN-4, tvn4 like TVN-5" in notes
    assert "tvn1: the paper says 13 GFLOPs" in notes
    table = tvn(capsys, "models").out
    assert all(name in table for name in rows)


@pytest.mark.slow
def test_the_demo_ends_with_both_sides_agreeing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    done = tvn(capsys, "demo", f"--output={tmp_path / 'demo'}")
    assert done.status == 0
    lines = done.out.splitlines()
    start = next(i for i, line in enumerate(lines) if line.startswith("TensorFlow (original)"))
    for line in lines[start + 1 : start + 6]:
        theirs, ours = line[:28].split(), line[28:].split()
        assert theirs[:2] == ours[:2]
    assert (tmp_path / "demo" / "tvn1.certificate.json").exists()
    assert (tmp_path / "demo" / "report.html").exists()
