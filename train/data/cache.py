"""A copy of a data set that is cheap to read: every frame a JPEG, and no larger than need be.

The copy is a data set like any other, with the same classes, groups and splits; its files are AVI
files of JPEGs, so that a clip costs the decoding of its own frames and of no others.
"""

import csv
import hashlib
import io
import json
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from port.atomic import write_text
from port.errors import InputError
from port.untrusted import MIB, read_json
from train.data.container import Undecodable, open_video
from train.data.decoding import frame_rate, read_all
from train.data.encoding import Unencodable, write_video
from train.data.videos import COLUMNS, LISTING, OFFICIAL_LISTS, Video, VideoSet, shown

SETTINGS = "cache.json"


@dataclass(frozen=True)
class CacheReport:
    """What was done: files written now, files there from an earlier run, bytes of both.

    `failed` names the files that could not be decoded; they are not in the cache.
    """

    written: int
    kept: int
    size: int
    failed: tuple[str, ...]


def write_cache(
    videos: VideoSet,
    output: Path,
    short_side: int = 256,
    quality: int = 3,
    workers: int | None = None,
    watch: Callable[[str], None] = lambda _: None,
) -> CacheReport:
    """Write the copy; what an earlier run has written and is not outdated stays.

    Args:
        videos: the data set.
        output: the copy's folder.
        short_side: pixels to which larger frames are scaled down.
        quality: of the JPEGs, from 2 (best) to 31, as FFmpeg counts.
        workers: threads, one file each at a time; as many as there are cores if left out.
        watch: is called with a file's name when it is done.

    Raises:
        InputError: the folder cannot be written, lies inside the data, or has been written with
            other settings.
    """
    root, inside = videos.root.resolve(), output.resolve()
    if inside == root or (inside.is_relative_to(root) and videos.form != "csv"):
        raise InputError(f"{output}: inside the data {videos.root}; choose a folder elsewhere")
    _agree_on_settings(output, {"short_side": short_side, "quality": quality})
    targets = {video: output / _target(videos, video) for video in videos.videos}
    failed: list[str] = []

    def write(video: Video) -> bool:
        target = targets[video]
        if _is_current(target, video.path):
            return False
        try:
            _transcode(video.path, target, short_side, quality)
        except Undecodable as error:
            failed.append(f"{shown(video.path)}: {error}")
        except Unencodable as error:
            failed.append(f"{shown(video.path)}: cannot be copied: {error}")
        return True

    written = 0
    with ThreadPoolExecutor(workers or os.cpu_count()) as pool:
        for video, is_new in zip(videos.videos, pool.map(write, videos.videos), strict=True):
            written += is_new
            watch(shown(videos.name(video)))
    _write_lists(videos, targets, output)
    there = [target for target in targets.values() if target.is_file()]
    size = sum(target.stat().st_size for target in there)
    new = written - len(failed)
    return CacheReport(new, len(there) - new, size, tuple(sorted(failed)))


def _agree_on_settings(output: Path, settings: dict[str, int]) -> None:
    """Write down what the cache is made with, or find it written so."""
    path = output / SETTINGS
    try:
        output.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{output}: cannot be used as a cache ({error.strerror})") from None
    earlier = read_json(path, "a cache's settings", MIB) if os.path.lexists(path) else settings
    if not isinstance(earlier, dict):
        raise InputError(f"{path}: not a cache's settings; choose another folder")
    if earlier != settings:
        told = ", ".join(f"--{name}={value}" for name, value in earlier.items())
        raise InputError(f"{output}: written with {told}; give the same or choose another folder")
    write_text(path, json.dumps(settings))


def _target(videos: VideoSet, video: Video) -> str:
    """Where in the cache a video goes; its name stays wherever it can."""
    name = videos.name(video)
    if videos.form == "csv":  # may list files from anywhere
        mark = hashlib.sha256(os.fsencode(video.path)).hexdigest()[:12]
        return f"{shown(video.path.stem)}-{mark}.avi"
    return name if name.endswith(".avi") else f"{name}.avi"


def _is_current(target: Path, source: Path) -> bool:
    try:
        return target.stat().st_mtime >= source.stat().st_mtime
    except OSError:
        return False


def _transcode(source: Path, target: Path, short_side: int, quality: int) -> None:
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{shown(target)}: cannot be written ({error.strerror})") from None
    with open_video(source) as (_, stream):
        rate = frame_rate(stream)
    pictures = (picture for _, picture in read_all(source, short_side))
    options = {"flags": "+qscale", "global_quality": str(118 * quality)}
    write_video(target, pictures, rate, "mjpeg", pixel_format="yuvj420p", options=options)


def _write_lists(videos: VideoSet, targets: dict[Video, Path], output: Path) -> None:
    """What the names of the files do not say: a CSV's labels and groups, or official splits."""
    if videos.form == "csv":
        text = io.StringIO()
        table = csv.writer(text)
        table.writerow(COLUMNS)
        for video, target in targets.items():
            table.writerow((target.name, videos.class_names[video.label], video.group))
        write_text(output / LISTING, text.getvalue())
    elif videos.form == "ucf101":
        lists = output / OFFICIAL_LISTS
        lists.mkdir(exist_ok=True)
        classes = (f"{number} {name}\n" for number, name in enumerate(videos.class_names, start=1))
        write_text(lists / "classInd.txt", "".join(classes))
        renamed = {videos.name(v): t.relative_to(output).as_posix() for v, t in targets.items()}
        for number, sides in videos.official.items():
            for side, names in zip(("train", "test"), sides, strict=True):
                lines = (f"{renamed.get(name, name)}\n" for name in sorted(names))
                write_text(lists / f"{side}list{number:02d}.txt", "".join(lines))
