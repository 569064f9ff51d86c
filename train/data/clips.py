"""Clips as a net takes them, decoded in the data loader's workers.

Which frames a training clip has is drawn from (seed, epoch, index of the video) and from nothing
else: the same clip in any worker, in any order, before and after a run was interrupted.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from port.errors import InputError
from train.data.container import Undecodable
from train.data.decoding import read_frames
from train.data.videos import Video, shown

BLACK = 16  # pixels a side of what stands for a test video that cannot be decoded


@dataclass(frozen=True)
class Clip:
    """Frames `[T, H, W, 3]` in uint8, of the video with index `video`.

    `seed` is for this clip's augmentation. `failed` names files that could not be decoded.
    """

    frames: Tensor
    label: int
    video: int
    seed: int
    failed: tuple[str, ...] = ()
    decoded: bool = True


@dataclass
class Batch:
    """Clips side by side.

    `frames` is uint8 `[B, T, H, W, 3]`, or a list of `[T, H, W, 3]` where sizes differ. `labels`,
    `videos` (indices) and `seeds` are int64 `[B]`. `decoded` `[B]` is False where a test video
    could not be decoded and its frames are black. `failed` names all such files of the batch.
    """

    frames: Tensor | list[Tensor]
    labels: Tensor
    videos: Tensor
    seeds: Tensor
    decoded: Tensor
    failed: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.labels)

    def pin_memory(self) -> "Batch":
        """The same with frames that a GPU can fetch by itself; the data loader calls this."""
        if isinstance(self.frames, Tensor):
            self.frames = self.frames.pin_memory()
        else:
            self.frames = [frames.pin_memory() for frames in self.frames]
        return self


class TrainClips(Dataset[Clip]):
    """A random clip of each video; keys are (epoch, index of the video).

    Args:
        videos: the training videos.
        num_frames: frames of a clip.
        frame_stride: their distance in the video, in frames.
        seed: the run's.
    """

    def __init__(
        self, videos: Sequence[Video], num_frames: int, frame_stride: int, seed: int
    ) -> None:
        self.videos = tuple(videos)
        self.num_frames, self.frame_stride, self.seed = num_frames, frame_stride, seed

    def __len__(self) -> int:
        return len(self.videos)

    def __getitem__(self, key: tuple[int, int]) -> Clip:
        """The clip of an epoch and a video, or of another of its class if that one is broken.

        Raises:
            InputError: no video of the class can be decoded.
        """
        epoch, index = key
        random = np.random.default_rng((self.seed, epoch, index))
        place, augmentation = random.random(), int(random.integers(2**62))
        label = self.videos[index].label
        failed: list[str] = []
        for candidate in self._candidates(index, random):
            path = self.videos[candidate].path
            try:
                frames = self._read(path, place)
            except Undecodable as error:
                failed.append(f"{shown(path)}: {error}")
                continue
            return Clip(torch.from_numpy(frames), label, candidate, augmentation, tuple(failed))
        raise InputError(f"{failed[0]}; and no other video of its class can be decoded")

    def _candidates(self, index: int, random: np.random.Generator) -> Iterator[int]:
        """The video itself, then the others of its class in an order drawn for this clip."""
        yield index
        label = self.videos[index].label
        others = [i for i, v in enumerate(self.videos) if v.label == label and i != index]
        yield from (others[i] for i in random.permutation(len(others)))

    def _read(self, path: Path, place: float) -> np.ndarray:
        def wanted(count: int) -> list[int]:
            last = _last_start(count, self.num_frames, self.frame_stride)
            return clip_indices(count, int(place * (last + 1)), self.num_frames, self.frame_stride)

        return read_frames(path, wanted)


class TestClips(Dataset[Clip]):
    """Evenly spaced clips of each video: clip `index % clips_per_video` of one after the other.

    A video that cannot be decoded is not replaced: its clips are black, named in `failed`, and
    `decoded` is False.
    """

    __test__ = False  # not a class of tests, whatever pytest makes of its name

    def __init__(
        self, videos: Sequence[Video], num_frames: int, frame_stride: int, clips_per_video: int = 1
    ) -> None:
        self.videos = tuple(videos)
        self.num_frames, self.frame_stride = num_frames, frame_stride
        self.clips_per_video = clips_per_video

    def __len__(self) -> int:
        return len(self.videos) * self.clips_per_video

    def __getitem__(self, key: int) -> Clip:
        index, which = divmod(key, self.clips_per_video)
        video = self.videos[index]

        def wanted(count: int) -> list[int]:
            last = _last_start(count, self.num_frames, self.frame_stride)
            start = even_starts(last, self.clips_per_video)[which]
            return clip_indices(count, start, self.num_frames, self.frame_stride)

        try:
            frames = read_frames(video.path, wanted)
        except Undecodable as error:
            black = torch.zeros(self.num_frames, BLACK, BLACK, 3, dtype=torch.uint8)
            failed = (f"{shown(video.path)}: {error}",)
            return Clip(black, video.label, index, 0, failed, decoded=False)
        return Clip(torch.from_numpy(frames), video.label, index, 0)


def clip_indices(count: int, start: int, num_frames: int, frame_stride: int) -> list[int]:
    """The frames of a clip; a video that is too short is looped."""
    return [(start + i * frame_stride) % count for i in range(num_frames)]


def even_starts(last: int, clips: int) -> list[int]:
    """`clips` starts from 0 to `last`, evenly spaced; one alone is in the middle."""
    if clips == 1:
        return [last // 2]
    return [round(i * last / (clips - 1)) for i in range(clips)]


def collate(clips: Sequence[Clip]) -> Batch:
    """Put clips into a batch."""
    frames = [clip.frames for clip in clips]
    return Batch(
        frames=torch.stack(frames) if len({f.shape for f in frames}) == 1 else frames,
        labels=torch.tensor([clip.label for clip in clips]),
        videos=torch.tensor([clip.video for clip in clips]),
        seeds=torch.tensor([clip.seed for clip in clips]),
        decoded=torch.tensor([clip.decoded for clip in clips]),
        failed=tuple(name for clip in clips for name in clip.failed),
    )


def _last_start(count: int, num_frames: int, frame_stride: int) -> int:
    """The last frame that a clip can start with and still fit; 0 where none fits."""
    return max(0, count - (num_frames - 1) * frame_stride - 1)
