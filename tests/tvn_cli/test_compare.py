"""`tvn compare`: what got better and worse between two reports."""

import json
from pathlib import Path

import pytest

from tests.tvn_cli.run import tvn
from tests.verify.reports.samples import GUILTY, tvn_failing, tvn_passing


@pytest.fixture
def reports(tmp_path: Path) -> tuple[Path, Path]:
    """A right port's and a wrong one's."""
    right, wrong = tmp_path / "right.json", tmp_path / "wrong.json"
    right.write_text(tvn_passing().to_json())
    wrong.write_text(tvn_failing().to_json())
    return right, wrong


def test_what_got_worse_is_named_and_ends_with_1(
    reports: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    done = tvn(capsys, "compare", *reports, "--verbose")
    assert done.status == 1
    assert "PASSED" in done.out and "FAILED" in done.out
    (row,) = [line for line in done.out.splitlines() if line.startswith(GUILTY)]
    assert "same" in row and row.split("same")[1].count("wrong by itself") == 1
    failed = [tap.name for tap in tvn_failing().taps if not tap.passed]
    assert f"worse ({len(failed)})" in done.out
    assert "only in the first" in done.out  # what was judged besides, there


def test_the_other_way_it_is_better(
    reports: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    done = tvn(capsys, "compare", *reversed(reports), "--json")
    assert done.status == 0
    rows = {row["name"]: row for row in json.loads(done.out)["rows"]}
    assert rows[GUILTY]["change"] == "better"
    assert rows[GUILTY]["before"]["state"] == "wrong by itself"
    assert rows["trajectory"]["change"] == "only in the second"


def test_the_same_twice_changes_nothing(
    reports: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    done = tvn(capsys, "compare", reports[1], reports[1])
    assert done.status == 0
    last = done.out.splitlines()[-1].split()
    assert last[0] == last[2] and last[3] == "unchanged"


def test_what_is_no_report_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    other = tmp_path / "other.json"
    other.write_text('{"schema": "something else"}')
    for arguments, told in {
        (): "takes two reports",
        (other, other): f"{other}: no report of",
        (tmp_path / "absent.json", other): "absent.json",
    }.items():
        done = tvn(capsys, "compare", *arguments)
        assert done.status == 2 and told in done.err and done.err.count("\n") == 1
