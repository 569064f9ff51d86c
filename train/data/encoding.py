"""Video files out of frames; they appear whole or not at all."""

from collections.abc import Iterable, Mapping
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.container import OutputContainer
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from port.atomic import name_meanwhile, writing
from port.errors import InputError

FORMATS = {".avi": "avi", ".mkv": "matroska", ".mp4": "mp4", ".mov": "mov"}


class Unencodable(InputError):  # noqa: N818  # says what the frames are
    """Frames of a size or rate that the encoder or the container does not take."""


def write_video(
    path: Path,
    frames: Iterable[np.ndarray],
    rate: Fraction,
    codec: str,
    *,
    pixel_format: str = "yuv420p",
    tag: str | None = None,
    options: Mapping[str, str] | None = None,
) -> int:
    """Encode frames.

    Args:
        path: the file; its suffix, one of `FORMATS`, says the container.
        frames: RGB `[H, W, 3]`, uint8, all of one size; odd sizes lose their last row or column,
            which the usual pixel format cannot hold.
        rate: frames a second.
        codec: FFmpeg's name of the encoder.
        pixel_format: FFmpeg's name of it.
        tag: four letters that AVI names the codec by, where they are to be others than FFmpeg's.
        options: FFmpeg's options of the encoder.

    Returns:
        How many frames there were.

    Raises:
        InputError: the file cannot be written, or there are no frames.
        Unencodable: the encoder or the container does not take such frames.
    """
    if path.suffix.lower() not in FORMATS:
        raise InputError(f"{path}: expected a name that ends in {' or '.join(FORMATS)}")
    try:
        with (
            writing(path) as file,
            # By name: where the disk is full, PyAV tells of a file object's error at length.
            av.open(f"file:{name_meanwhile(file)}", "w", FORMATS[path.suffix.lower()]) as container,
        ):
            stream = container.add_stream(codec, rate=rate, options=dict(options or {}))
            if not isinstance(stream, VideoStream):
                raise InputError(f"codec {codec!r}: encodes no video")
            stream.pix_fmt = pixel_format
            stream.codec_context.thread_count = 1
            if tag is not None:
                stream.codec_context.codec_tag = tag
            count = _encode(container, stream, frames)
            if count == 0:
                raise InputError(f"{path}: no frames to write")
    except av.FFmpegError as error:
        if isinstance(error, OSError):
            raise InputError(f"{path}: cannot be written ({error.strerror})") from None
        raise Unencodable(
            f"{path}: {codec} does not take frames of that size or rate ({error.strerror})"
        ) from None
    return count


def _encode(container: OutputContainer, stream: VideoStream, frames: Iterable[np.ndarray]) -> int:
    """Write frames to a stream; returns how many there were."""
    count = 0
    for picture in frames:
        even = picture[: picture.shape[0] // 2 * 2, : picture.shape[1] // 2 * 2]
        if count == 0:
            stream.height, stream.width = even.shape[:2]
        container.mux(stream.encode(VideoFrame.from_ndarray(np.ascontiguousarray(even))))
        count += 1
    if count:
        container.mux(stream.encode(None))
    return count
