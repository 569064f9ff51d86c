"""One file is one file: no playlist leads to another, and no header takes memory or time away."""

import json
import os
import resource
import subprocess
import sys
from pathlib import Path
from typing import Any, NoReturn

import av
import numpy as np
import pytest

from port.errors import InputError
from tests.port.special import SPECIAL, make_special
from tests.train.hostile import (
    ABSURD,
    H264,
    JPEGS,
    count_frames,
    write_absurd,
    write_changing_sizes,
    write_playlists,
    write_reference,
)
from tests.train.media import RATE, RECIPES, all_frames, encode
from tests.train.two_colours import write_red_or_blue
from train.annotate import write_annotated
from train.data.cache import write_cache
from train.data.check import check_file
from train.data.container import (
    FORMATS,
    MAX_PIXELS,
    MOST_ZEROS,
    VIDEO_BYTES,
    Undecodable,
    _open_nothing,
    _Reader,
    open_video,
)
from train.data.decoding import read_all, read_frames
from train.data.encoding import write_video
from train.data.videos import SUFFIXES, Video, VideoSet
from train.predict import Classifier, classify, load_classifier, timeline
from train.timeline_plot import draw_timeline

# A process that has read all of `ABSURD` in every way, in kilobytes; one frame of 16000 by 16000
# has twice that.
MOST_MEMORY = 1_000_000


@pytest.fixture(scope="module")
def classifier(tmp_path_factory: pytest.TempPathFactory) -> Classifier:
    folder = tmp_path_factory.mktemp("weights")
    return load_classifier(write_red_or_blue(folder / "w.safetensors"), "cpu")


@pytest.fixture(scope="module")
def absurd(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("absurd") / "class"
    folder.mkdir()
    write_absurd(folder)
    return folder


def test_a_playlist_of_another_file_is_no_video(tmp_path: Path) -> None:
    secret = encode(tmp_path / "secret.ts", RECIPES["H.264 in a transport stream"])
    for path in write_playlists(tmp_path, secret):
        assert count_frames(path) > 0, "FFmpeg by itself reads the other file"
        with pytest.raises(Undecodable):
            read_frames(path, range)


def test_a_movie_whose_data_is_elsewhere_has_no_frames(tmp_path: Path) -> None:
    secret = encode(tmp_path / "secret.mp4", H264)
    path = write_reference(tmp_path / "reference.mp4", secret)
    follow = {"enable_drefs": "1", "use_absolute_path": "1"}
    with av.open(f"file:{path}", container_options=follow) as container:
        assert sum(1 for _ in container.decode(video=0)), "FFmpeg can be told to follow it"
    with pytest.raises(Undecodable):
        read_frames(path, range)


def test_no_other_file_is_opened_though_a_playlist_were_allowed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("train.data.container.FORMATS", ("concat", *FORMATS))
    secret = encode(tmp_path / "secret.ts", RECIPES["H.264 in a transport stream"])
    concat = write_playlists(tmp_path, secret)[0]
    av.logging.set_level(av.logging.ERROR)
    try:
        with av.logging.Capture() as logs, pytest.raises(Undecodable):
            read_frames(concat, range)
    finally:
        av.logging.set_level(None)
    assert any("Protocol 'file' not on whitelist" in text for _, _, text in logs)


def test_no_other_file_is_opened_though_references_were_followed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret = encode(tmp_path / "secret.mp4", H264)
    path = write_reference(tmp_path / "reference.mp4", secret)
    asked = []

    def refuse(url: str, flags: int, options: dict[str, str]) -> NoReturn:
        asked.append(url)
        _open_nothing(url, flags, options)

    def follow(*arguments: Any, container_options: dict[str, str], **others: Any) -> Any:
        container_options |= {"enable_drefs": "1", "use_absolute_path": "1"}
        others["io_open"] = refuse
        return opened(*arguments, container_options=container_options, **others)

    opened = av.open
    monkeypatch.setattr(av, "open", follow)
    with pytest.raises(Undecodable):
        read_frames(path, range)
    assert asked == [f"file:{secret}"] or asked == [str(secret)]


@pytest.mark.parametrize("suffix", sorted(SUFFIXES))
def test_every_kind_of_file_that_is_looked_for_can_be_read(suffix: str, tmp_path: Path) -> None:
    codecs = {".ogv": "libtheora", ".webm": "libvpx-vp9", ".mpeg": "mpeg2video"}
    codecs |= {
        ".mpg": "mpeg2video",
        ".ts": "mpeg2video",
        ".flv": "flv",
        ".wmv": "wmv2",
        ".3gp": "h263",
    }
    codec = codecs.get(suffix, "mpeg4")
    if codec not in av.codecs_available:
        pytest.skip(f"this build of FFmpeg has no {codec}")
    path = tmp_path / f"v{suffix}"
    with av.open(f"file:{path}", mode="w") as container:
        stream = container.add_stream(codec, rate=25)
        stream.width, stream.height, stream.pix_fmt = 176, 144, "yuv420p"
        for _ in range(4):
            frame = av.VideoFrame.from_ndarray(np.zeros((144, 176, 3), np.uint8))
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    assert np.array_equal(read_frames(path, range), all_frames(path))


@pytest.mark.parametrize("kind", SPECIAL)
def test_what_is_no_stored_file_is_no_video(kind: str, tmp_path: Path) -> None:
    with pytest.raises(Undecodable), open_video(make_special(kind, tmp_path / "v.avi", True)):
        pass


@pytest.mark.parametrize("name", ABSURD)
def test_an_absurd_header_is_survived_or_refused(
    name: str, absurd: Path, classifier: Classifier, tmp_path: Path
) -> None:
    path, (_, decodable) = absurd / name, ABSURD[name]
    video = Video(path, 0, "")
    report = check_file(video, name, "class")
    failed = write_cache(VideoSet(absurd, "csv", ("class",), (video,)), tmp_path / "cache").failed
    if not decodable:
        assert report.error is not None
        assert len(failed) == 1
        with pytest.raises(Undecodable):
            list(read_all(path))
        with pytest.raises(InputError):
            classify(classifier, path)
        with pytest.raises(InputError):
            timeline(classifier, path)
        return
    times, frames = zip(*read_all(path), strict=True)
    assert report.frames == len(frames)
    assert report.rate > 0
    assert np.isfinite(times).all()
    assert len({frame.shape for frame in frames}) == 1
    assert len(read_frames(path, lambda count: [0, count - 1, 0])) == 3
    course = timeline(classifier, path)
    assert np.isfinite(course.ends).all()
    assert np.isfinite(classify(classifier, path)).all()
    draw_timeline(course, name, tmp_path / "plot.png")
    try:
        assert write_annotated(course, path, tmp_path / "copy.mp4") == len(frames)
    except InputError as error:  # wider than H.264 can be
        assert str(error).startswith(f"{tmp_path / 'copy.mp4'}: ")
        assert not (tmp_path / "copy.mp4").exists()


def test_all_of_it_takes_little_memory(absurd: Path) -> None:
    script = (
        # Not getrusage: its maximum counts what the parent held before it started this.
        "import re, sys; from tvn_cli.main import main; status = main(sys.argv[1:]);"
        "held = re.search(r'VmHWM:\\s+(\\d+) kB', open('/proc/self/status').read());"
        "print(held[1], file=sys.stderr); sys.exit(status)"
    )
    command = [sys.executable, "-c", script, "data", "check", "--json", str(absurd.parent)]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=60)
    assert done.returncode == 1, done.stderr
    unreadable = json.loads(done.stdout)["unreadable"]
    assert set(unreadable) == {f"class/{name}" for name, (_, good) in ABSURD.items() if not good}
    assert int(done.stderr.splitlines()[-1]) < MOST_MEMORY


def test_the_largest_frame_is_one_of_4k(tmp_path: Path) -> None:
    path = write_changing_sizes(tmp_path / "v.avi", [(4096, 2304)])
    assert MAX_PIXELS == 4096 * 2304
    assert read_frames(path, lambda _: [0]).shape == (1, 2304, 4096, 3)
    write_changing_sizes(path, [(4096, 2306)])
    with pytest.raises(Undecodable, match="4096x2304"):
        read_frames(path, lambda _: [0])


@pytest.mark.parametrize(
    "recipe", ["as UCF's", "AVI of JPEGs", "H.264", "MPEG-2 with B-frames", "VP9"]
)
def test_zeros_without_end_are_the_end(recipe: str, tmp_path: Path) -> None:
    path = encode(tmp_path / f"v{RECIPES[recipe].suffix}", RECIPES[recipe])
    sound = all_frames(path)
    os.truncate(path, VIDEO_BYTES)
    asked = _Reader.read
    read = 0

    def count(reader: _Reader, size: int) -> bytes:
        nonlocal read
        data = asked(reader, size)
        read += len(data)
        return data

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_Reader, "read", count)
        frames = np.stack([frame for _, frame in read_all(path)])
    assert np.array_equal(frames, sound)
    assert read < 3 * MOST_ZEROS


def test_a_long_black_video_is_read_to_its_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("train.data.container.MOST_ZEROS", 200_000)
    black = np.zeros((120, 160, 3), np.uint8)
    write_video(tmp_path / "v.avi", [black] * 20, RATE, "rawvideo", pixel_format="rgb24")
    assert sum(1 for _ in read_all(tmp_path / "v.avi")) == 20


def test_frames_have_the_size_of_the_first(tmp_path: Path) -> None:
    path = write_changing_sizes(tmp_path / "v.avi", [(64, 48), (48, 64), (128, 96)])
    whole = [frame for _, frame in read_all(path)]
    assert [frame.shape for frame in whole] == [(48, 64, 3)] * 3
    assert np.array_equal(read_frames(path, range), np.stack(whole))


def test_nothing_stays_open(tmp_path: Path) -> None:
    path = encode(tmp_path / "v.avi", JPEGS, frames=3)
    (tmp_path / "text.avi").write_text("no video")
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(soft, 64), hard))
    try:
        for _ in range(100):
            read_frames(path, range)
            with pytest.raises(Undecodable):
                read_frames(tmp_path / "text.avi", range)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
