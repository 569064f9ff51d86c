"""The cache is the same data set, of JPEGs, and picks up where it was interrupted."""

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from port.errors import InputError
from tests.train.broken import HOPELESS, write_hopeless
from tests.train.data.test_videos import rows, ucf101
from tests.train.media import RECIPES, all_frames, encode
from train.data.cache import write_cache
from train.data.container import open_video
from train.data.decoding import read_frames
from train.data.splits import split
from train.data.videos import VideoSet, read_videos


@pytest.fixture
def videos(tmp_path: Path) -> VideoSet:
    """Two classes of two groups, in several codecs; one name needs another suffix."""
    for name, recipe in (
        ("A/v_A_g01_c01.avi", "as UCF's"),
        ("A/v_A_g02_c01.mp4", "H.264"),
        ("B/v_B_g01_c01.avi", "AVI with B-frames"),
        ("B/v_B_g02_c01.avi", "AVI of JPEGs"),
    ):
        (tmp_path / "data" / name).parent.mkdir(parents=True, exist_ok=True)
        encode(tmp_path / "data" / name, RECIPES[recipe], frames=20)
    return read_videos(tmp_path / "data")


def test_the_cache_is_the_same_data_set(videos: VideoSet, tmp_path: Path) -> None:
    report = write_cache(videos, tmp_path / "cache")
    assert (report.written, report.kept, report.failed) == (4, 0, ())
    cached = read_videos(tmp_path / "cache")
    assert cached.form == "ucf"
    renamed = {(name.replace(".mp4", ".mp4.avi"), *more) for name, *more in rows(videos)}
    assert rows(cached) == renamed
    assert report.size == sum(video.path.stat().st_size for video in cached.videos)


def test_every_cached_frame_is_the_originals_and_costs_itself_alone(
    videos: VideoSet, tmp_path: Path
) -> None:
    write_cache(videos, tmp_path / "cache", quality=2)
    for original, copy in zip(videos.videos, read_videos(tmp_path / "cache").videos, strict=True):
        truth = all_frames(original.path).astype(int)
        for index in (0, 7, 19):
            frame = read_frames(copy.path, lambda count, i=index: [i % count])[0].astype(int)
            errors = np.abs(truth - frame).mean((1, 2, 3))
            assert errors.argmin() == index
            assert errors[index] < 8
        with open_video(copy.path) as (_, stream), open_video(original.path) as (_, before):
            assert stream.codec_context.name == "mjpeg"
            assert all(entry.is_keyframe for entry in stream.index_entries)
            assert stream.average_rate == before.average_rate


def test_larger_frames_are_scaled_down_and_smaller_ones_left(tmp_path: Path) -> None:
    for name, width, height in (("wide", 90, 60), ("high", 60, 90), ("small", 40, 30)):
        (tmp_path / "data" / name).mkdir(parents=True)
        path = tmp_path / "data" / name / "v.avi"
        encode(path, RECIPES["as UCF's"], 2, width=width, height=height)
    write_cache(read_videos(tmp_path / "data"), tmp_path / "cache", short_side=40)
    for name, shape in (("wide", (40, 60)), ("high", (60, 40)), ("small", (30, 40))):
        assert all_frames(tmp_path / "cache" / name / "v.avi").shape[1:3] == shape


def test_an_interrupted_or_outdated_cache_is_completed(videos: VideoSet, tmp_path: Path) -> None:
    write_cache(videos, tmp_path / "cache")
    files = sorted((tmp_path / "cache").rglob("*.avi"))
    kept = {path: path.stat().st_mtime_ns for path in files[:2]}
    files[2].unlink()
    changed = videos.videos[3].path
    later = files[3].stat().st_mtime + 60
    os.utime(changed, (later, later))
    report = write_cache(videos, tmp_path / "cache")
    assert (report.written, report.kept) == (2, 2)
    assert {path: path.stat().st_mtime_ns for path in kept} == kept
    assert all(path.is_file() for path in files)


def test_what_cannot_be_decoded_is_named_and_leaves_nothing(tmp_path: Path) -> None:
    for name in ("A", "B"):
        (tmp_path / "data" / name).mkdir(parents=True)
    write_hopeless(tmp_path / "data/A")
    encode(tmp_path / "data/B/v.avi", RECIPES["as UCF's"], 2)
    videos = read_videos(tmp_path / "data")
    for _ in range(2):
        report = write_cache(videos, tmp_path / "cache")
        assert len(report.failed) == len(HOPELESS) - 1  # one of them is not there at all
        assert all("/A/" in failed and ": " in failed for failed in report.failed)
        assert report.written + report.kept == 1
    assert [path.name for path in (tmp_path / "cache").rglob("*.*")] == ["cache.json", "v.avi"]
    with pytest.raises(InputError, match="A: a class without videos"):
        split(read_videos(tmp_path / "cache"), "random", 0)


def test_other_settings_or_a_folder_inside_the_data_are_refused(
    videos: VideoSet, tmp_path: Path
) -> None:
    write_cache(videos, tmp_path / "cache", quality=2)
    with pytest.raises(InputError, match="--quality=2"):
        write_cache(videos, tmp_path / "cache", quality=5)
    with pytest.raises(InputError, match="inside the data"):
        write_cache(videos, videos.root / "cache")
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="file: cannot be used"):
        write_cache(videos, tmp_path / "file")


def test_official_splits_outlive_caching(tmp_path: Path) -> None:
    videos = read_videos(ucf101(tmp_path / "data"))
    for video in videos.videos:
        encode(video.path, RECIPES["as UCF's"], 2)
    write_cache(videos, tmp_path / "cache")
    cached = read_videos(tmp_path / "cache")
    assert replace(cached, videos=(), root=tmp_path) == replace(videos, videos=(), root=tmp_path)
    assert rows(cached) == rows(videos)


def test_a_csvs_labels_and_groups_outlive_caching(tmp_path: Path) -> None:
    for name in ("one/v.avi", "two/v.avi"):
        (tmp_path / name).parent.mkdir()
        encode(tmp_path / name, RECIPES["as UCF's"], 2)
    listing = tmp_path / "lists" / "list.csv"
    listing.parent.mkdir()
    listing.write_text('../one/v.avi,"run, fast",anna\n../two/v.avi,sit,ben\n')
    with pytest.raises(InputError, match="inside the data"):
        write_cache(read_videos(listing), listing.parent)
    write_cache(read_videos(listing), listing.parent / "cache")
    cached = read_videos(listing.parent / "cache")
    assert {(label, group) for _, label, group in rows(cached)} == {
        ("run, fast", "anna"),
        ("sit", "ben"),
    }
    assert all(video.path.is_file() for video in cached.videos)
