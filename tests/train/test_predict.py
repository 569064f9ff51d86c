"""A net that tells red from blue says so of videos, of their parts, and in copies of them."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch

from port.errors import InputError
from tests.train.broken import write_hopeless
from tests.train.media import RATE, all_frames
from tests.train.two_colours import FRAMES, SIZE, STRIDE, colours, write_red_or_blue
from train.annotate import annotate, write_annotated
from train.data.clips import TestClips, collate
from train.data.encoding import write_video
from train.data.transform import prepare
from train.data.videos import Video
from train.predict import Classifier, Timeline, classify, load_classifier, timeline
from train.timeline_plot import draw_timeline


@pytest.fixture(scope="module")
def red_or_blue(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_red_or_blue(tmp_path_factory.mktemp("weights") / "w.safetensors")


@pytest.fixture(scope="module")
def classifier(red_or_blue: Path) -> Classifier:
    return load_classifier(red_or_blue, "cpu")


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """60 red frames, 60 blue ones, 30 red ones."""
    path = tmp_path_factory.mktemp("video") / "v.avi"
    write_video(path, colours(60, 60, 30), RATE, "mpeg4")
    return path


def test_a_video_has_the_mean_of_its_clips_and_crops(classifier: Classifier, video: Path) -> None:
    clips = TestClips([Video(video, 0, "")], FRAMES, STRIDE, 3)
    batch = collate([clips[i] for i in range(3)])
    with torch.inference_mode():
        each = [
            classifier.net(prepare(batch, SIZE, crop, "cpu")).softmax(1)
            for crop in ("centre", "left", "right")
        ]
    expected = torch.stack(each).mean((0, 1))
    assert np.allclose(classify(classifier, video, clips=3, crops=3), expected, atol=1e-6)


@pytest.mark.parametrize(
    "engine", ["auto", "optimized", pytest.param("onnxruntime", marks=pytest.mark.slow)]
)
def test_engines_say_the_same(
    engine: str, classifier: Classifier, red_or_blue: Path, video: Path
) -> None:
    other = load_classifier(red_or_blue, "cpu", engine=engine)
    assert other.engine is not other.net
    wanted, found = (classify(each, video, clips=3) for each in (classifier, other))
    assert np.allclose(found, wanted, atol=1e-5)


def test_an_engine_that_is_not_there_is_refused(red_or_blue: Path) -> None:
    with pytest.raises(InputError, match="--engine=abacus"):
        load_classifier(red_or_blue, "cpu", engine="abacus")


def test_classes_are_ranked_by_name(classifier: Classifier, video: Path) -> None:
    best, other = classifier.ranked(classify(classifier, video, clips=5))
    assert (best[0], other[0]) == ("red $x$", "blau – é")  # three of five clips are red
    assert best[1] > 0.5 > other[1]
    assert best[1] + other[1] == pytest.approx(1)


def test_a_timeline_has_every_window_of_the_video(classifier: Classifier, video: Path) -> None:
    course = timeline(classifier, video, step=5)
    span = (FRAMES - 1) * STRIDE
    first = np.arange(0, 150 - span, 5)
    assert np.allclose(course.starts, first / float(RATE))
    assert np.allclose(course.ends, (first + span) / float(RATE))
    frames = torch.from_numpy(all_frames(video))
    for window in (0, 11, 12, len(first) - 1):
        indices = first[window] + STRIDE * np.arange(FRAMES)
        clip = TestClips([Video(video, 0, "")], FRAMES, STRIDE)[0]
        batch = collate([clip])
        batch.frames = frames[indices][None]
        with torch.inference_mode():
            expected = classifier.net(prepare(batch, SIZE, "centre", "cpu")).softmax(1)[0]
        assert np.allclose(course.probabilities[window], expected, atol=1e-6)


def test_a_timeline_shows_when_the_class_changes(classifier: Classifier, video: Path) -> None:
    segments = timeline(classifier, video, step=2).segments()
    assert [name for _, _, name, _ in segments] == ["red $x$", "blau – é", "red $x$"]
    changes = [start * float(RATE) for start, _, _, _ in segments[1:]]
    assert np.allclose(changes, [60, 120], atol=6)  # a window spans ten frames
    assert all(end == start for (_, end, *_), (start, *_) in pairwise(segments))
    assert (segments[0][0], segments[-1][1]) == pytest.approx((0, 149 / RATE), abs=0.1)
    assert all(odds > 0.8 for *_, odds in segments)


def test_a_video_shorter_than_a_window_is_one_window(
    classifier: Classifier, tmp_path: Path
) -> None:
    write_video(tmp_path / "v.avi", colours(0, 5), RATE, "mpeg4")
    course = timeline(classifier, tmp_path / "v.avi")
    assert len(course.segments()) == 1
    assert course.segments()[0][2] == "blau – é"


def test_what_cannot_be_decoded_is_refused_by_name(classifier: Classifier, tmp_path: Path) -> None:
    for path in write_hopeless(tmp_path):
        for use in (classify, timeline):
            with pytest.raises(InputError, match=path.name):
                use(classifier, path)


@pytest.mark.parametrize("suffix", [".svg", ".png"])
def test_a_timeline_is_drawn(
    suffix: str, classifier: Classifier, video: Path, tmp_path: Path
) -> None:
    path = tmp_path / f"timeline{suffix}"
    draw_timeline(timeline(classifier, video), "späce $5.avi", path)
    start = path.read_bytes()[:200]
    assert start.startswith(b"\x89PNG" if suffix == ".png" else b"<?xml")
    with pytest.raises(InputError, match=r"timeline.txt: expected"):
        draw_timeline(timeline(classifier, video), "", tmp_path / "timeline.txt")
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


def test_the_annotated_copy_is_the_video_with_the_class_of_the_moment(
    classifier: Classifier, video: Path, tmp_path: Path
) -> None:
    course = timeline(classifier, video, step=2)
    copy = tmp_path / "copy.mp4"
    assert write_annotated(course, video, copy) == 150
    before, after = all_frames(video).astype(int), all_frames(copy).astype(int)
    assert after.shape == before.shape
    below = np.abs(after - before)[:, 24:]
    assert below.mean() < 12  # two lines of text at the top, and what H.264 loses
    expected = [annotate(f, classifier.ranked(course.at(i / float(RATE)), 3)) for i, f in
                enumerate(all_frames(video))]  # fmt: skip
    assert np.abs(after - np.stack(expected)).mean() < 12
    assert np.abs(expected[30][:20].astype(int) - before[30, :20]).mean() > 30


def test_an_annotation_names_the_classes(video: Path) -> None:
    frame = all_frames(video)[0]
    one, other = (annotate(frame, [(name, 0.5)]) for name in ("run", "sit"))
    assert not np.array_equal(one, other)
    longer = annotate(frame, [("run", 0.9)])
    assert not np.array_equal(
        one[:, frame.shape[1] * 2 // 3 :], longer[:, frame.shape[1] * 2 // 3 :]
    )


def test_the_video_itself_is_not_overwritten(classifier: Classifier, video: Path) -> None:
    with pytest.raises(InputError, match="the video itself"):
        write_annotated(timeline(classifier, video), video, video)


def test_segments_divide_overlapping_windows() -> None:
    course = Timeline(
        ("a", "b"),
        np.array([0.0, 1.0, 2.0]),
        np.array([3.0, 4.0, 5.0]),
        np.array([[0.9, 0.1], [0.7, 0.3], [0.2, 0.8]]),
    )
    assert course.segments() == [(0.0, 3.0, "a", pytest.approx(0.8)), (3.0, 5.0, "b", 0.8)]
    assert course.at(2.6).tolist() == [0.7, 0.3]


def test_a_device_that_is_not_there_is_refused(red_or_blue: Path) -> None:
    with pytest.raises(InputError, match="--device=tpu"):
        load_classifier(red_or_blue, "tpu")
