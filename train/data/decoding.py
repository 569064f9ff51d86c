"""Frames out of video files: the right ones, counted as they come out of the decoder.

What a file says of itself is not trusted. Its index tells where to start decoding, and only where
that is safe; where not all that is wanted comes out then, the file is decoded from its beginning,
where frame i is the i-th that comes out.
"""

import threading
from collections.abc import Callable, Container, Iterator, Sequence
from fractions import Fraction
from itertools import pairwise
from math import isfinite
from pathlib import Path

import av
import numpy as np
from av.container import InputContainer
from av.video.frame import VideoFrame
from av.video.reformatter import VideoReformatter
from av.video.stream import VideoStream

from train.data.container import LARGEST, Undecodable, check_size, open_video

# Containers whose timestamps tell a frame's place. The others are decoded from the start.
SEEKABLE = frozenset({"avi", "mov,mp4,m4a,3gp,3g2,mj2", "matroska,webm"})
# Frames a second that a file may say it has, from one in an hour on; and what others are taken for.
LEAST_RATE, MOST_RATE, UNKNOWN_RATE = Fraction(1, 3600), Fraction(10_000), Fraction(30)
NOTHING = "not one frame can be decoded"
_per_thread = threading.local()


def read_frames(path: Path, wanted: Callable[[int], Sequence[int]]) -> np.ndarray:
    """Decode some frames of a video.

    Args:
        path: the file.
        wanted: is given the number of frames and returns the indices of those to decode. Where
            they do not rise, as in a clip that is looped, the number is exact; else it may be too
            high, and `wanted` is asked again if that shows.

    Returns:
        RGB `[T, H, W, 3]`, uint8, T as many as `wanted` asked for.

    Raises:
        Undecodable: not one frame can be decoded, or they are too large or too narrow.
    """
    with open_video(path) as (container, stream):
        times = _frame_times(container, stream) or None
        count = len(times) if times else stream.frames
        indices = wanted(max(count, 1))
        exact = count == 0 or _looped(indices)  # whether the number matters beyond the last index
        if times is not None and not exact:
            pictures = _by_seeking(container, stream, times, indices)
            if len(pictures) == len(indices):
                return np.stack([pictures[index] for index in indices])
    pictures, seen = _from_the_start(path, indices, to_the_end=exact)
    if seen <= max(indices) or (exact and seen != count):  # not what the file says
        indices = wanted(seen)
        pictures, _ = _from_the_start(path, indices)
    return np.stack([pictures[index] for index in indices])


def decode(
    container: InputContainer, stream: VideoStream, only: Container[int | None] | None = None
) -> Iterator[VideoFrame]:
    """All frames from where the file stands, without those that are damaged.

    `only`: the time stamps of the packets to decode, for a codec whose frames stand by themselves.

    Raises:
        Undecodable: a frame is too large or too narrow.
    """
    refused, came = False, False
    for packet in container.demux(stream):
        if only is not None and packet.pts not in only:
            continue
        try:
            frames = packet.decode()
        except av.error.InvalidDataError:
            continue
        except av.error.ArgumentError:  # what is said of a frame that would be too large
            refused = True
            continue
        for frame in frames:
            came = True
            check_size(frame.width, frame.height)
            yield frame
    if refused and not came:
        raise Undecodable(f"{NOTHING}; they are damaged, or larger than {LARGEST}")


def as_rgb(frame: VideoFrame, size: tuple[int, int] | None = None) -> np.ndarray:
    """A frame as RGB `[H, W, 3]`, uint8, upright; scaled to `size`, its width and height then."""
    # Kept, since building one costs as much as using it. One thread, since threads of its own do
    # not come along when a worker is forked, and it would wait for them without end.
    if not hasattr(_per_thread, "reformatter"):
        _per_thread.reformatter = VideoReformatter()
    reformatter: VideoReformatter = _per_thread.reformatter
    turns = frame.rotation // 90
    width, height = (size[::-1] if turns % 2 else size) if size else (None, None)
    picture = reformatter.reformat(frame, width, height, "rgb24", threads=1).to_ndarray()
    return np.rot90(picture, turns) if turns else picture


def read_all(path: Path, short_side: int | None = None) -> Iterator[tuple[float, np.ndarray]]:
    """Every frame from the first on: its time after the first, in seconds, and RGB `[H, W, 3]`.

    All have the size of the first one, though sizes may change within a file.

    `short_side`: what frames are scaled down to, where they are larger.

    Raises:
        Undecodable: not one frame can be decoded.
    """
    began: float | None = None
    size: tuple[int, int] | None = None
    with open_video(path) as (container, stream):
        rate = frame_rate(stream)
        stamped = container.format.name != "avi"  # AVI numbers its chunks, in order of coding
        for index, frame in enumerate(decode(container, stream)):
            time = frame.time if stamped else None
            if time is None or not isfinite(time):  # of a time base of nothing it is infinite
                time = float(index / rate)
            began = time if began is None else began
            size = size or _shown_size(frame, short_side)
            yield time - began, as_rgb(frame, size)
    if began is None:
        raise Undecodable(NOTHING)


def frame_rate(stream: VideoStream) -> Fraction:
    """Frames a second as the file says, or 30 where it says nothing that can be."""
    rate = stream.average_rate or stream.guessed_rate or UNKNOWN_RATE
    if not LEAST_RATE <= rate <= MOST_RATE:
        return UNKNOWN_RATE
    return rate.limit_denominator(1001) or rate  # of less than 1 in 2000 seconds nothing is left


def _shown_size(frame: VideoFrame, short_side: int | None) -> tuple[int, int]:
    """Width and height of a frame as it is shown, upright; scaled down to a short side."""
    share = 1.0 if short_side is None else min(1.0, short_side / min(frame.width, frame.height))
    width, height = round(frame.width * share), round(frame.height * share)
    return (height, width) if frame.rotation // 90 % 2 else (width, height)


def _frame_times(container: InputContainer, stream: VideoStream) -> list[int] | None:
    """The time stamp of every frame in order of display; None where they cannot be relied on."""
    if container.format.name not in SEEKABLE:
        return None
    if container.format.name == "avi":
        if stream.codec_context.has_b_frames:
            return None  # AVI stamps frames in order of coding, so that they come out 1 to 3 off
        if len(stream.index_entries) < stream.frames:
            return None  # the file was cut, and its index with it
        return [entry.timestamp for entry in stream.index_entries if entry.size]
    # Of each packet its stamp alone, or the whole file would be in memory.
    packets = (p for p in container.demux(stream) if p.size and not p.is_discard)
    stamps = [(packet.pts, packet.is_keyframe) for packet in packets]
    known = {stamp for stamp, _ in stamps if stamp is not None}
    sound = stamps and stamps[0][1] and len(known) == len(stamps)
    return sorted(known) if sound else None


def _by_seeking(
    container: InputContainer, stream: VideoStream, times: list[int], indices: Sequence[int]
) -> dict[int, np.ndarray]:
    """The frames of `indices`, decoded from the key frame before the first of them.

    Fewer where what comes out is none of `times`, or does not begin with a key frame.
    """
    place = {time: index for index, time in enumerate(times)}
    alone = {times[index] for index in indices} if stream.codec_context.codec.intra_only else None
    pictures: dict[int, np.ndarray] = {}
    begun = False
    try:
        container.seek(times[min(indices)], stream=stream)
        for frame in decode(container, stream, alone):
            index = None if frame.pts is None else place.get(frame.pts)
            begun = begun or frame.key_frame
            if index is None or not begun:
                break
            _keep(pictures, frame, index, indices)
            if index >= max(indices):
                break
    except av.FFmpegError:
        pictures.clear()
    return pictures


def _looped(indices: Sequence[int]) -> bool:
    return any(later <= earlier for earlier, later in pairwise(indices))


def _from_the_start(
    path: Path, indices: Sequence[int], to_the_end: bool = False
) -> tuple[dict[int, np.ndarray], int]:
    """The frames of `indices` that there are, and how many came out before it stopped."""
    pictures: dict[int, np.ndarray] = {}
    seen = 0
    with open_video(path) as (container, stream):
        for index, frame in enumerate(decode(container, stream)):
            seen = index + 1
            _keep(pictures, frame, index, indices)
            if index >= max(indices) and not to_the_end:
                break
    if not seen:
        raise Undecodable(NOTHING)
    return pictures, seen


def _keep(
    pictures: dict[int, np.ndarray], frame: VideoFrame, index: int, indices: Sequence[int]
) -> None:
    """Convert the frame if it is wanted; all to the size of the first."""
    if index in indices:
        first = next(iter(pictures.values()), None)
        size = _shown_size(frame, None) if first is None else (first.shape[1], first.shape[0])
        pictures[index] = as_rgb(frame, size)
