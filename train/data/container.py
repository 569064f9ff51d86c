"""Video files, opened as what they are: one regular file of a known format, of bounded frames.

FFmpeg knows some three hundred formats. Among them are playlists, which make it open other files
and addresses; so it is given the content of one file, through a reader that can open nothing, and
may take it for a container of video alone.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, NoReturn

import av
from av.container import InputContainer
from av.video.stream import VideoStream

from port.errors import InputError
from port.untrusted import GIB, MIB, open_regular

# FFmpeg's demuxers of the containers that videos come in. It tells them by their content; none of
# them opens a second file (QuickTime's can name one, which FFmpeg follows only if asked to).
FORMATS = ("avi", "mov", "matroska", "mpegts", "mpeg", "mpegvideo", "flv", "asf", "ogg")
VIDEO_BYTES = 4 * GIB  # what AVI can count; two hours of film, and so far more than a clip
# A frame of 4K, as cameras write them. It takes 28 MB as RGB, and a decoder may keep sixteen.
MAX_PIXELS, LARGEST = 4096 * 2304, "4096x2304"
MOST_ZEROS = 128 * MIB  # one after the other; the largest frame has 72 MiB, black and uncompressed
MIN_SIDE = 2  # the usual pixel format shares colours among two by two


class Undecodable(Exception):  # noqa: N818  # says what the file is
    """A file of which no frame can be had; the message says why."""


class _Reader:
    """What FFmpeg may do with the file. It gets no name, which it would judge by.

    The file ends where nothing but zeros follows for long: of a sparse one, which has any size for
    nothing, FFmpeg would look for the next frame byte by byte.
    """

    name = "video"

    def __init__(self, file: BinaryIO) -> None:
        self._file, self._zeros = file, 0
        self.tell = file.tell

    def read(self, size: int) -> bytes:
        data = self._file.read(size)
        self._zeros = 0 if data.strip(b"\0") else self._zeros + len(data)
        return data if self._zeros <= MOST_ZEROS else b""

    def seek(self, offset: int, whence: int) -> int:
        self._zeros = 0
        return self._file.seek(offset, whence)


@contextmanager
def open_video(path: Path) -> Iterator[tuple[InputContainer, VideoStream]]:
    """A file and its first video stream, decoded by one thread.

    Raises:
        Undecodable: there is no such file, no video in it, or none whose frames memory holds; also
            in place of what the decoder raises while the file is open.
    """
    try:
        with _open_file(path) as file, _open_container(file) as container:
            yield container, _video_stream(container)
    except (av.FFmpegError, OSError) as error:
        raise Undecodable(getattr(error, "strerror", None) or str(error)) from None


def check_size(width: int, height: int) -> None:
    """Raises Undecodable where a frame is too large for memory, or too narrow for a picture."""
    if width * height > MAX_PIXELS:
        raise Undecodable(
            f"frames of {width}x{height}, larger than {LARGEST}; scale them down with FFmpeg first"
        )
    if min(width, height) < MIN_SIDE:
        raise Undecodable(f"frames of {width}x{height}; at least {MIN_SIDE} pixels a side")


def _open_file(path: Path) -> BinaryIO:
    try:
        return open_regular(path, VIDEO_BYTES, "a video")
    except InputError as error:  # whoever catches it names the file
        raise Undecodable(str(error).removeprefix(f"{path}: ")) from None


@contextmanager
def _open_container(file: BinaryIO) -> Iterator[InputContainer]:
    known = ",".join(FORMATS)
    try:
        container = av.open(
            _Reader(file),
            mode="r",
            metadata_errors="replace",
            options={"max_pixels": str(MAX_PIXELS)},  # of the decoders that look for parameters
            container_options={"format_whitelist": known, "protocol_whitelist": ""},
            io_open=_open_nothing,
        )
    except av.ArgumentError:  # what FFmpeg says of a format that it may not take
        raise Undecodable(f"none of the formats of video files ({known})") from None
    with container:
        yield container


def _open_nothing(url: str, flags: int, options: dict[str, str]) -> NoReturn:
    raise PermissionError(1, "names another file, which is not opened")


def _video_stream(container: InputContainer) -> VideoStream:
    if not container.streams.video:
        raise Undecodable("no video stream")
    stream = container.streams.video[0]
    codec = stream.codec_context
    if codec is None:
        raise Undecodable("no decoder for its video")
    if codec.width or codec.height:  # else the first frame tells
        check_size(codec.width, codec.height)
    codec.options = {"max_pixels": str(MAX_PIXELS)}
    codec.thread_count = 1
    return stream
