"""Time to read a clip from a video file, in several ways.

    python benchmarks/decoding.py [--clips=DIR] [--runs=60]

Reads clips, frames 4 apart, at random places of the files in DIR (or in TVN_CLIPS): UCF's by their
names, other AVI files, MP4 files; without a folder, generated ones in UCF's form. The ways take
turns on one core, opening the file and conversion to RGB included; medians are printed, and the
ratio of each to `read_frames` with the middle half of its spread.
"""

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from itertools import product
from pathlib import Path

import av
import numpy as np
import torch
from torch.utils.data import DataLoader

from train.data.cache import write_cache
from train.data.clips import Clip, TrainClips, collate
from train.data.decoding import read_frames
from train.data.generated import write_generated
from train.data.transform import Augmentation, augment
from train.data.videos import Video, VideoSet, read_videos

STRIDE = 4
MOST = 1000
# What is read, by which files, and the clips' lengths.
KINDS = (
    ("Xvid as UCF's", "v_*.avi", (2, 8, 16)),
    ("DivX with B-frames", "[!v]*.avi", (8,)),
    ("H.264", "*.mp4", (8,)),
)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clips", type=Path, default=os.environ.get("TVN_CLIPS"))
    parser.add_argument("--runs", type=int, default=60)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    for kind, pattern, lengths in KINDS:
        with tempfile.TemporaryDirectory() as folder:
            files = _files(arguments.clips, pattern, Path(folder))
            if files:
                _measure(kind, files, lengths, arguments.runs, Path(folder))
            if pattern == KINDS[0][1] and files:
                _whole(files, Path(folder))
    _transform()


def _measure(kind: str, files: list[Path], lengths: Sequence[int], runs: int, folder: Path) -> None:
    videos = tuple(Video(file, 0, "") for file in files)
    data = VideoSet(files[0].parent, "csv", ("a",), videos)
    copies = {}
    size = sum(file.stat().st_size for file in files)
    print(f"{kind}: {len(files)} files, {size / 1e6:.2f} MB", end="")
    for name, short_side in (("JPEG cache", 256), ("JPEG cache of 128 pixels", 128)):
        copies[name] = folder / name
        report = write_cache(data, copies[name], short_side)
        print(f"; {name}: {report.size / size:.1f} times that", end="")
    print()
    cached = {name: _cached(files, copy) for name, copy in copies.items()}
    for frames in lengths:
        _compare(files, cached, frames, runs)


def _cached(files: list[Path], copy: Path) -> dict[Path, Path]:
    """Each file's copy."""
    return dict(zip(files, (video.path for video in read_videos(copy).videos), strict=True))


def _files(clips: Path | None, pattern: str, folder: Path) -> list[Path]:
    """Those of a folder, or generated ones in place of UCF's."""
    if clips:
        return sorted(Path(clips).glob(pattern))
    if pattern != KINDS[0][1]:
        return []
    size = {"frames": 200, "width": 320, "height": 240}
    write_generated(folder / "data", classes=1, groups=2, clips=1, **size)
    return sorted((folder / "data").rglob("*.avi"))


def _compare(
    files: list[Path], cached: dict[str, dict[Path, Path]], frames: int, runs: int
) -> None:
    ways: dict[str, Callable[[Path, int], object]] = {
        "read_frames": lambda path, start: _ours(path, start, frames),
        "from the start": lambda path, start: _plain(path, start, frames),
    }
    for name, copies in cached.items():
        ways[name] = lambda path, start, c=copies: _ours(c[path], start, frames)
    random = np.random.default_rng(0)
    taken: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(runs):
        path, start = files[random.integers(len(files))], int(random.integers(MOST))
        for name, way in ways.items():
            begun = time.perf_counter()
            way(path, start)
            taken[name].append(time.perf_counter() - begun)
    print(f"{frames} frames, {STRIDE} apart")
    for name, seconds in taken.items():
        ratios = sorted(a / b for a, b in zip(seconds, taken["read_frames"], strict=True))
        low, high = ratios[runs // 4], ratios[3 * runs // 4]
        middle = statistics.median(seconds)
        print(f"  {name:<24} {1000 * middle:6.2f} ms  {1 / middle:5.0f} clips a second  "
              f"ratio {statistics.median(ratios):.2f} ({low:.2f} to {high:.2f})")  # fmt: skip


def _ours(path: Path, start: int, frames: int) -> np.ndarray:
    return read_frames(path, lambda count: _indices(start, frames, count))


def _indices(start: int, frames: int, count: int) -> list[int]:
    """A clip that starts at `start` thousandths of where the last one does."""
    first = start * max(0, count - STRIDE * frames) // MOST
    return [first + STRIDE * i for i in range(frames)]


def _plain(path: Path, start: int, frames: int) -> np.ndarray:
    """Every frame from the first one to the last that is wanted, each reformatted by itself."""
    with av.open(str(path), metadata_errors="replace") as container:
        wanted = set(_indices(start, frames, container.streams.video[0].frames))
        found = []
        for index, frame in enumerate(container.decode(video=0)):
            if index in wanted:
                found.append(frame.to_ndarray(format="rgb24"))
            if index == max(wanted):
                break
    return np.stack(found)


def _whole(files: list[Path], folder: Path) -> None:
    """UCF50's form and size, of links to the same few files: listing, and one worker's clips."""
    for number, (label, group, clip) in enumerate(product(range(50), range(25), range(5))):
        name = f"v_Class{label:02d}_g{group + 1:02d}_c{clip + 1:02d}.avi"
        path = folder / "UCF50" / f"Class{label:02d}" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.symlink_to(files[number % len(files)].absolute())
    begun = time.perf_counter()
    videos = read_videos(folder / "UCF50")
    print(f"{len(videos.videos)} videos listed in {time.perf_counter() - begun:.2f} s")
    for frames in (2, 8):
        clips = TrainClips(videos.videos, frames, STRIDE, seed=0)
        keys = [(0, int(i)) for i in np.random.default_rng(0).permutation(len(clips))[:1500]]
        loader = DataLoader(clips, 32, sampler=keys, num_workers=1, collate_fn=collate)
        begun = time.perf_counter()
        count = sum(len(batch) for batch in loader)
        rate = count / (time.perf_counter() - begun)
        print(f"one worker, {frames} frames a clip, batches of 32: {rate:.0f} clips a second")


def _transform() -> None:
    """Augmenting on the CPU, for those who train there."""
    for frames, size in ((2, 224), (8, 128)):
        noise = torch.randint(0, 256, (frames, 240, 320, 3), dtype=torch.uint8)
        batch = collate([Clip(noise, 0, i, i) for i in range(8)])
        seconds = []
        for _ in range(9):
            begun = time.perf_counter()
            augment(batch, size, Augmentation(), "cpu")
            seconds.append(time.perf_counter() - begun)
        each = 1000 * statistics.median(seconds) / 8
        print(f"augmenting {frames} frames of 320x240 to {size}x{size}: {each:.2f} ms a clip")


if __name__ == "__main__":
    main()
