"""A report names what is wrong with a data set and counts what is right."""

import json
from pathlib import Path

import pytest

from tests.train.broken import HOPELESS, ODD, unreadable, write_hopeless, write_odd
from tests.train.media import RECIPES, encode
from train.data.check import DataReport, check_videos
from train.data.generated import write_generated
from train.data.videos import read_videos


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> DataReport:
    """Of a class of broken files, one of odd files, and one of none."""
    root = tmp_path_factory.mktemp("data")
    for name in ("broken", "odd", "empty"):
        (root / name).mkdir()
    write_hopeless(root / "broken")
    write_odd(root / "odd")
    return check_videos(read_videos(root), min_frames=7)


def test_every_broken_file_is_named_with_its_reason(report: DataReport) -> None:
    told = report.summary()["unreadable"]
    hopeless = {f"broken/{name}": why for name, why in HOPELESS.items() if name != "absent.avi"}
    assert told.keys() == hopeless.keys()
    assert all(why in told[name] for name, why in hopeless.items())
    assert report.summary()["empty_classes"] == ["empty"]
    assert not report.passed


def test_odd_files_are_counted_as_they_decode_and_short_ones_named(report: DataReport) -> None:
    files = {file.name.removeprefix("odd/"): file for file in report.readable}
    assert files.keys() == ODD.keys()
    assert all(count in (None, files[name].frames) for name, count in ODD.items())
    assert {file.name for file in report.short} == {"odd/one frame.avi", "odd/wide.avi"}
    cut = files["cut.avi"]
    assert 7 <= cut.frames < cut.claimed
    assert (files["1 fps.avi"].rate, files["1 fps.avi"].seconds) == (1, 8)
    assert files["240 fps.avi"].rate == 240
    assert report.summary()["sizes"]["4096x16"] == 1
    assert report.summary()["overstated"] == 1


def test_a_sound_data_set_passes_with_all_its_counts(tmp_path: Path) -> None:
    write_generated(tmp_path, classes=2, groups=3, clips=2, frames=6)
    seen: list[str] = []
    report = check_videos(read_videos(tmp_path), watch=lambda file: seen.append(file.name))
    assert report.passed
    assert len(seen) == 12
    summary = json.loads(json.dumps(report.to_json()))
    assert summary["classes"] == {
        name: {"g01": 2, "g02": 2, "g03": 2} for name in ("BounceDisc", "CircleSquare")
    }
    assert summary["groups"] == 3
    assert summary["frames"] == {"minimum": 6, "median": 6, "maximum": 6}
    assert summary["seconds"]["median"] == pytest.approx(6 * 1001 / 30000)
    assert summary["codecs"] == {"mpeg4": 12}
    assert len(summary["files"]) == 12


def test_a_file_that_may_not_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "A").mkdir()
    encode(tmp_path / "A/a.avi", RECIPES["as UCF's"], frames=2)
    locked = encode(tmp_path / "A/b.avi", RECIPES["as UCF's"], frames=2)
    videos = read_videos(tmp_path)
    with unreadable(locked):
        report = check_videos(videos)
    assert report.summary()["unreadable"] == {"A/b.avi": "cannot be read (Permission denied)"}
