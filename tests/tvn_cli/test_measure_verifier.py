"""`tvn measure-verifier`: a unit is measured once, the table says what came of it."""

import json
from pathlib import Path

import pytest

from tvn_cli.main import main
from verify.measure.plan import SAMPLE, run, units
from verify.measure.summary import Summary


def test_what_a_folder_holds_is_not_measured_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    outcome = tmp_path / "outcome.json"
    arguments = ["--only=training random 4", f"--run={tmp_path / 'kept'}", f"--json={outcome}"]
    assert main(["measure-verifier", *arguments]) == 0
    (kept,) = (tmp_path / "kept").glob("*.json")
    measured = kept.stat().st_mtime_ns
    assert main(["measure-verifier", *arguments]) == 0
    assert kept.stat().st_mtime_ns == measured
    assert "mutants seen" in capsys.readouterr().out
    data = json.loads(outcome.read_text())
    assert data["passed"] is True
    assert data["mutants"]["mutants"] == len(json.loads(kept.read_text())["rows"]) > 40


def test_an_unknown_unit_and_a_folder_that_is_none_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["measure-verifier", "--only=nothing"]) == 2
    assert "no such unit" in capsys.readouterr().err
    (tmp_path / "file").write_text("")
    assert main(["measure-verifier", f"--run={tmp_path / 'file'}"]) == 2
    assert "--run cannot be written" in capsys.readouterr().err


def test_a_mutant_that_is_missed_and_a_right_port_that_fails_fail_the_measurement() -> None:
    mutant: dict[str, object] = {"case": "c", "family": "f", "fault": "x", "tap": "t"}
    mutant |= {"clips": "noise", "first": "t", "reason": "another function", "sees": ""}
    mutant |= {"equivalent": False, "accepted": {}}
    variant = {"case": "c", "variant": "v", "clips": "noise", "passed": True}

    def passes(mutants: list[dict[str, object]], variants: list[dict[str, object]]) -> bool:
        units = {"mutants c": mutants, "variants c": variants}
        return Summary(
            {"unit": name, "cpu_seconds": 1, "rows": rows} for name, rows in units.items()
        ).passed

    assert passes([mutant], [variant])
    assert not passes([], []), "nothing was measured"
    assert passes([mutant, mutant | {"first": "", "equivalent": True}], [variant])
    assert not passes([mutant, mutant | {"first": ""}], [variant])
    assert not passes([mutant, mutant | {"first": "u"}], [variant])
    assert passes([mutant | {"first": "u", "sees": "u"}], [variant])
    assert not passes([mutant], [variant, variant | {"passed": False, "first": "t", "reason": "r"}])


def test_the_sample_is_part_of_the_whole() -> None:
    assert set(SAMPLE) <= set(units())


@pytest.mark.slow
def test_the_sample_misses_nothing_and_cries_no_wolf(tmp_path: Path) -> None:
    run(tmp_path, list(SAMPLE), lambda name, done: None)
    rows = [json.loads(path.read_text()) for path in tmp_path.glob("*.json")]
    summary = Summary(rows)
    assert summary.passed, summary.to_dict()["exceptions"]
    assert len(summary.mutants) > 400
    others = {row["criterion"]: row for row in summary.others()}
    assert others["this verifier"]["missed"] == 0
    assert all(row["missed"] or row["false_alarms"] for name, row in others.items()
               if name != "this verifier")  # fmt: skip
