"""A clip is drawn from (seed, epoch, index) alone, and broken files are replaced, not hidden."""

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.utils.data import DataLoader

from port.errors import InputError
from tests.train.broken import write_hopeless
from tests.train.media import RECIPES, all_frames, encode
from train.data.clips import Batch, TestClips, TrainClips, clip_indices, collate, even_starts
from train.data.videos import Video

COUNT = 24  # frames of a video here; clips of 3 frames 4 apart then start at 0 to 15
KEYS = [(epoch, index) for epoch in (0, 3) for index in (2, 0, 1, 3)]


@pytest.fixture(scope="module")
def videos(tmp_path_factory: pytest.TempPathFactory) -> list[Video]:
    """Two classes of two videos, of different sizes."""
    folder = tmp_path_factory.mktemp("videos")
    files = [
        encode(folder / f"{i}.avi", RECIPES["as UCF's"], COUNT, width=width)
        for i, width in enumerate((64, 64, 80, 80))
    ]
    return [Video(file, i // 2, "") for i, file in enumerate(files)]


def train_clips(videos: list[Video], seed: int = 7) -> TrainClips:
    return TrainClips(videos, num_frames=3, frame_stride=4, seed=seed)


def starts(clips: TrainClips, truth: np.ndarray, epochs: int) -> list[int]:
    """Where in the first video each epoch's clip starts, held to be 3 frames 4 apart."""
    found = []
    for epoch in range(epochs):
        frames = clips[epoch, 0].frames.numpy()
        start = next(s for s in range(COUNT - 8) if np.array_equal(truth[s], frames[0]))
        assert np.array_equal(frames, truth[[start, start + 4, start + 8]])
        found.append(start)
    return found


def test_a_training_clip_starts_anywhere_it_fits(videos: list[Video]) -> None:
    truth = all_frames(videos[0].path)
    found = starts(train_clips(videos), truth, epochs=160)
    assert set(found) == set(range(COUNT - 8))
    assert found != starts(train_clips(videos, seed=8), truth, epochs=160)


@pytest.mark.parametrize("workers", [1, 2])
def test_clips_are_the_same_in_workers_in_any_order_and_again(
    workers: int, videos: list[Video]
) -> None:
    here = {key: train_clips(videos)[key] for key in KEYS}  # decoding before workers are forked
    order = list(reversed(KEYS))
    loader = DataLoader(
        train_clips(videos),
        sampler=order,
        batch_size=3,
        num_workers=workers,
        collate_fn=collate,
        timeout=60,
    )
    seen = iter(order)
    batch: Batch
    for batch in loader:
        for frames, video, seed in zip(batch.frames, batch.videos, batch.seeds, strict=True):
            clip = here[next(seen)]
            assert torch.equal(frames, clip.frames)
            assert (int(video), int(seed)) == (clip.video, clip.seed)
    assert next(seen, None) is None


def test_augmentation_has_seeds_of_its_own_in_every_epoch(videos: list[Video]) -> None:
    seeds = {train_clips(videos)[epoch, index].seed for epoch in range(5) for index in range(4)}
    assert len(seeds) == 20


def test_a_broken_video_is_replaced_by_another_of_its_class_and_named(
    videos: list[Video], tmp_path: Path
) -> None:
    broken = [Video(path, 1, "") for path in write_hopeless(tmp_path)]
    clips = train_clips([*broken, *videos])
    for epoch in range(3):
        batch = collate([clips[epoch, index] for index in range(len(broken))])
        for path in (video.path for video in broken):
            assert any(failed.startswith(f"{path}: ") for failed in batch.failed)
        assert set(batch.labels.tolist()) == {1}
        assert set(batch.videos.tolist()) <= {len(broken) + 2, len(broken) + 3}
        assert batch.decoded.all()
    assert clips[0, 0].video == clips[0, 0].video


def test_a_class_of_broken_videos_is_refused_by_name(videos: list[Video], tmp_path: Path) -> None:
    path = write_hopeless(tmp_path)[0]
    with pytest.raises(InputError, match=rf"{path}: .*no other video of its class"):
        train_clips([*videos, Video(path, 2, "")])[0, 4]


def test_test_clips_are_spread_evenly_and_the_same_every_time(videos: list[Video]) -> None:
    truth = [all_frames(video.path) for video in videos]
    clips = TestClips(videos, num_frames=3, frame_stride=4, clips_per_video=4)
    assert len(clips) == 16
    for key in range(16):
        start = (0, 5, 10, 15)[key % 4]
        expected = truth[key // 4][[start, start + 4, start + 8]]
        assert np.array_equal(clips[key].frames, expected)
        assert (clips[key].video, clips[key].label) == (key // 4, key // 8)


def test_one_test_clip_is_from_the_middle(videos: list[Video]) -> None:
    clip = TestClips(videos, num_frames=3, frame_stride=4)[1]
    assert np.array_equal(clip.frames, all_frames(videos[1].path)[[7, 11, 15]])


def test_a_broken_test_video_is_not_replaced_and_is_marked(
    videos: list[Video], tmp_path: Path
) -> None:
    path = write_hopeless(tmp_path)[0]
    clips = TestClips([*videos, Video(path, 1, "")], num_frames=3, frame_stride=4)
    batch = collate([clips[3], clips[4]])
    assert batch.decoded.tolist() == [True, False]
    assert batch.videos.tolist() == [3, 4]
    assert len(batch.failed) == 1
    assert batch.failed[0].startswith(str(path))


def test_short_videos_are_looped(tmp_path: Path) -> None:
    path = encode(tmp_path / "v.avi", RECIPES["as UCF's"], 5)
    truth = all_frames(path)
    for clip in (
        TrainClips([Video(path, 0, "")], 4, 3, seed=0)[0, 0],
        TestClips([Video(path, 0, "")], 4, 3)[0],
    ):
        assert np.array_equal(clip.frames, truth[[0, 3, 1, 4]])


def test_clips_of_one_size_are_stacked_and_others_listed(videos: list[Video]) -> None:
    clips = train_clips(videos)
    alike, unlike = collate([clips[0, 0], clips[0, 1]]), collate([clips[0, 0], clips[0, 2]])
    assert isinstance(alike.frames, torch.Tensor)
    assert alike.frames.shape == (2, 3, 48, 64, 3)
    assert isinstance(unlike.frames, list)
    assert [tuple(f.shape) for f in unlike.frames] == [(3, 48, 64, 3), (3, 48, 80, 3)]
    assert alike.frames.dtype == torch.uint8
    assert len(alike) == len(unlike) == 2


@given(st.integers(1, 300), st.integers(1, 32), st.integers(1, 9), st.integers(1, 10))
def test_every_frame_of_every_clip_is_there(
    count: int, num_frames: int, stride: int, clips: int
) -> None:
    span = (num_frames - 1) * stride + 1
    found = even_starts(max(0, count - span), clips)
    assert found == sorted(found)
    assert len(found) == clips
    assert clips == 1 or (found[0], found[-1]) == (0, max(0, count - span))
    for start in found:
        indices = clip_indices(count, start, num_frames, stride)
        assert len(indices) == num_frames
        assert all(0 <= index < count for index in indices)
        assert span > count or indices == list(range(start, start + span, stride))
