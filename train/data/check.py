"""Reading every file of a data set, and telling what is there."""

import os
import statistics
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from train.data.container import Undecodable, open_video
from train.data.decoding import decode, frame_rate
from train.data.videos import Video, VideoSet, shown


@dataclass(frozen=True)
class FileReport:
    """What one file is. `frames` is how many can be decoded, `claimed` how many it says it has.

    `error` says why nothing can be decoded; sizes are in pixels, `rate` in frames a second.
    """

    name: str
    class_name: str
    group: str
    frames: int = 0
    claimed: int = 0
    width: int = 0
    height: int = 0
    rate: float = 0.0
    codec: str = ""
    error: str | None = None

    @property
    def seconds(self) -> float:
        """How long it lasts."""
        return self.frames / self.rate if self.rate else 0.0


@dataclass(frozen=True)
class DataReport:
    """All files, and the classes that have none. Fewer frames than `min_frames` are short."""

    root: Path
    form: str
    class_names: tuple[str, ...]
    files: tuple[FileReport, ...]
    empty_classes: tuple[str, ...]
    min_frames: int

    @property
    def passed(self) -> bool:
        """Every file can be decoded and every class has one."""
        return not self.unreadable and not self.empty_classes

    @property
    def unreadable(self) -> list[FileReport]:
        """The files of which no frame can be had."""
        return [file for file in self.files if file.error is not None]

    @property
    def readable(self) -> list[FileReport]:
        """The others."""
        return [file for file in self.files if file.error is None]

    @property
    def short(self) -> list[FileReport]:
        """The files with too few frames for one clip; they are looped in training."""
        return [file for file in self.readable if file.frames < self.min_frames]

    def clips_by_group(self, class_name: str) -> dict[str, int]:
        """How many videos each group of a class has."""
        own = Counter(file.group for file in self.files if file.class_name == class_name)
        return dict(sorted(own.items()))

    def summary(self) -> dict[str, Any]:
        """Everything but the files one by one, ready for JSON."""
        readable = self.readable
        return {
            "root": shown(self.root),
            "form": self.form,
            "passed": self.passed,
            "videos": len(self.files),
            "classes": {name: self.clips_by_group(name) for name in self.class_names},
            "groups": len({file.group for file in self.files} - {""}),
            "frames": spread([file.frames for file in readable]),
            "seconds": spread([file.seconds for file in readable]),
            "hours": sum(file.seconds for file in readable) / 3600,
            "sizes": _counted([f"{file.width}x{file.height}" for file in readable]),
            "frame_rates": _counted([f"{file.rate:.6g}" for file in readable]),
            "codecs": _counted([file.codec for file in readable]),
            "overstated": sum(file.claimed > file.frames for file in readable),
            "min_frames": self.min_frames,
            "short": [file.name for file in self.short],
            "unreadable": {file.name: file.error for file in self.unreadable},
            "empty_classes": list(self.empty_classes),
        }

    def to_json(self) -> dict[str, Any]:
        """The summary and every file."""
        return self.summary() | {"files": [asdict(file) for file in self.files]}


def check_videos(
    videos: VideoSet,
    min_frames: int = 2,
    workers: int | None = None,
    watch: Callable[[FileReport], None] = lambda _: None,
) -> DataReport:
    """Decode every frame of every video.

    Args:
        videos: the data set.
        min_frames: what a file must have not to be called short.
        workers: threads, one file each at a time; as many as there are cores if left out.
        watch: is called after each file.
    """

    def check(video: Video) -> FileReport:
        return check_file(video, shown(videos.name(video)), videos.class_names[video.label])

    files = []
    # Threads are enough: FFmpeg works without Python's lock.
    with ThreadPoolExecutor(workers or os.cpu_count()) as pool:
        for report in pool.map(check, videos.videos):
            watch(report)
            files.append(report)
    empty = tuple(shown(name) for name in videos.empty_classes())
    classes = tuple(shown(name) for name in videos.class_names)
    return DataReport(videos.root, videos.form, classes, tuple(files), empty, min_frames)


def check_file(video: Video, name: str, class_name: str) -> FileReport:
    """Decode every frame of one video."""
    about = (name, shown(class_name), video.group)
    try:
        with open_video(video.path) as (container, stream):
            frames = sum(1 for _ in decode(container, stream))
            if not frames:
                return FileReport(*about, error="not one frame can be decoded")
            return FileReport(
                *about,
                frames=frames,
                claimed=stream.frames,
                width=stream.codec_context.width,
                height=stream.codec_context.height,
                rate=float(frame_rate(stream)),
                codec=stream.codec_context.name,
            )
    except Undecodable as error:
        return FileReport(*about, error=str(error))


def spread(figures: Sequence[float]) -> dict[str, float]:
    """Minimum, median and maximum; empty where there are no figures."""
    if not figures:
        return {}
    middle = statistics.median(figures)
    return {"minimum": min(figures), "median": middle, "maximum": max(figures)}


def _counted(values: Sequence[str]) -> dict[str, int]:
    """How often each occurs, the most frequent first."""
    return dict(Counter(values).most_common())
