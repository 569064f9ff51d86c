"""Videos that were made to harm: they name other files, or say what no camera says.

`ABSURD` are files whose headers were changed, by what has to come of them: frames, or none.
"""

import re
import struct
from collections.abc import Callable, Iterable
from pathlib import Path

import av
import numpy as np
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from tests.train.media import RECIPES, Recipe, encode, pictures

JPEGS, H264 = RECIPES["AVI of JPEGs"], RECIPES["H.264"]


def write_playlists(folder: Path, secret: Path) -> list[Path]:
    """Scripts that name `secret`, a transport stream in the same folder."""
    concat = f"ffconcat version 1.0\nfile '{secret.name}'\n"
    playlist = f"#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:1,\n{secret.name}\n#EXT-X-ENDLIST\n"
    texts = {f"concat{suffix}": concat for suffix in (".avi", ".mp4", ".ts", ".mkv", ".webm")}
    texts["playlist.m3u8"] = playlist  # as others are named, FFmpeg opens none of late
    for name, text in texts.items():
        (folder / name).write_text(text)
    return [folder / name for name in texts]


def write_reference(path: Path, secret: Path) -> Path:
    """An MP4 without data of its own, whose alias record says that it is in `secret`'s."""
    record = bytes(10) + bytes(28) + bytes(12) + bytes(64) + bytes(16) + struct.pack(">hh", 0, 0)
    name = str(secret).encode()
    record += bytes(16) + struct.pack(">HH", 2, len(name)) + name + bytes(len(name) % 2)
    record += b"\xff\xff\0\0"
    data = secret.read_bytes()
    added = len(record)
    for box in (b"moov", b"trak", b"mdia", b"minf", b"dinf", b"dref"):
        data = _resized(data, box, added)
    data = _resized(data, b"url ", added)
    place = data.index(b"url ")
    # Flags of 0: the data is not in this file.
    data = data[:place] + b"alis" + bytes(4) + record + data[place + 8 :]
    start = data.index(b"mdat") + 4
    end = start - 8 + int.from_bytes(data[start - 8 : start - 4], "big")
    path.write_bytes(data[:start] + bytes(end - start) + data[end:])
    return path


def _resized(data: bytes, box: bytes, added: int) -> bytes:
    """With so many more bytes in the size that stands before a box's name."""
    place = data.index(box) - 4
    size = int.from_bytes(data[place : place + 4], "big") + added
    return data[:place] + size.to_bytes(4, "big") + data[place + 4 :]


def write_changing_sizes(path: Path, sizes: Iterable[tuple[int, int]]) -> Path:
    """An AVI of JPEGs whose frames have these widths and heights, one after the other."""
    with av.open(f"file:{path}", mode="w") as container:
        stream = None
        for index, (width, height) in enumerate(sizes):
            with av.open(f"file:{path}.one.avi", mode="w") as one:
                video = one.add_stream("mjpeg", rate=30)
                assert isinstance(video, VideoStream)
                video.width, video.height, video.pix_fmt = width, height, "yuvj420p"
                picture = next(pictures(1, width, height))
                one.mux(video.encode(VideoFrame.from_ndarray(picture)))
                one.mux(video.encode(None))
            with av.open(f"file:{path}.one.avi") as one:
                stream = stream or container.add_stream_from_template(one.streams.video[0])
                packet = next(p for p in one.demux(video=0) if p.size)
                packet.stream, packet.pts, packet.dts = stream, index, index
                container.mux(packet)
    Path(f"{path}.one.avi").unlink()
    return path


def _with_header(path: Path, place: Callable[[bytes], int], new: bytes) -> Path:
    data = path.read_bytes()
    at = place(data)
    path.write_bytes(data[:at] + new + data[at + len(new) :])
    return path


def _avi_clock(path: Path, scale: int, rate: int) -> Path:
    """An AVI that says so of its time base, and nothing of it elsewhere."""
    encode(path, JPEGS, frames=8)
    _with_header(path, lambda data: data.index(b"avih") + 8, bytes(4))
    stream = struct.pack("<II", scale, rate)
    return _with_header(path, lambda data: data.index(b"strh") + 8 + 20, stream)


def _mp4_clock(path: Path, box: bytes, scale: int) -> Path:
    encode(path, H264, frames=8)
    return _with_header(path, lambda data: data.index(box) + 4 + 12, scale.to_bytes(4, "big"))


def _mkv_clock(path: Path, scale: bytes) -> Path:
    """A Matroska file of that many nanoseconds a tick."""
    encode(path, Recipe(".mkv", "libx264", {"g": "12"}), frames=8)
    return _with_header(path, lambda data: data.index(b"\x2a\xd7\xb1\x83") + 4, scale)


def _raw(path: Path, width: int, height: int) -> Path:
    recipe = Recipe(path.suffix, "rawvideo", {}, "rgb24")
    return encode(path, recipe, frames=3, width=width, height=height)


def _huge_movie(path: Path) -> Path:
    """A small movie of run lengths whose header says 16000 by 16000; what is not told is black."""
    encode(path, Recipe(".mov", "qtrle", {}, "rgb24"), frames=8)
    size = struct.pack(">HH", 16000, 16000)
    return _with_header(path, lambda data: data.index(b"rle ") + 4 + 24, size)


def _huge_mpeg(path: Path) -> Path:
    """A program stream, which has no header of its own: its MPEG-2 says 16000 by 16000."""
    encode(path, RECIPES["MPEG-2 with B-frames"])
    data = bytearray(path.read_bytes())
    low, high = 16000 & 0xFFF, 16000 >> 12
    for match in list(re.finditer(rb"\x00\x00\x01\xb3", bytes(data))):
        data[match.end() : match.end() + 3] = (low << 12 | low).to_bytes(3, "big")
    for match in list(re.finditer(rb"\x00\x00\x01\xb5[\x10-\x1f]", bytes(data))):
        at = match.end()  # profile 4 bits, one more, chroma 2, then 2 of the width and 2 of height
        word = int.from_bytes(data[at : at + 2], "big") & ~(0b1111 << 5)
        word |= high << 7 | high << 5
        data[at : at + 2] = word.to_bytes(2, "big")
    path.write_bytes(data)
    return path


# By name: how it is written, and whether frames come of it.
ABSURD: dict[str, tuple[Callable[[Path], Path], bool]] = {
    "scale 0.avi": (lambda path: _avi_clock(path, 0, 30), True),
    "rate 0.avi": (lambda path: _avi_clock(path, 1, 0), True),
    "0 to 0.avi": (lambda path: _avi_clock(path, 0, 0), True),
    "a frame in an age.avi": (lambda path: _avi_clock(path, 2**31 - 1, 1), True),
    "no time at all.avi": (lambda path: _avi_clock(path, 1, 2**31 - 1), True),
    "negative.avi": (lambda path: _avi_clock(path, 2**32 - 1, 30), True),
    "no movie time.mp4": (lambda path: _mp4_clock(path, b"mvhd", 0), True),
    "no media time.mp4": (lambda path: _mp4_clock(path, b"mdhd", 0), False),
    "fast media time.mp4": (lambda path: _mp4_clock(path, b"mdhd", 2**31 - 1), True),
    "negative media time.mp4": (lambda path: _mp4_clock(path, b"mdhd", 2**32 - 1), False),
    "no time.mkv": (lambda path: _mkv_clock(path, bytes(3)), True),
    "long time.mkv": (lambda path: _mkv_clock(path, b"\xff" * 3), True),
    "ribbon.avi": (lambda path: _raw(path, 65535, 1), False),
    "post.avi": (lambda path: _raw(path, 1, 4096), False),
    "thin.avi": (lambda path: _raw(path, 65534, 2), True),
    "high.avi": (lambda path: _raw(path, 2, 30000), True),
    "odd.avi": (lambda path: _raw(path, 63, 3), True),
    "shrinks.avi": (lambda path: write_changing_sizes(path, [(64, 48)] * 4 + [(2, 2)] * 4), True),
    "grows.avi": (lambda path: write_changing_sizes(path, [(2, 2)] * 4 + [(640, 480)] * 4), True),
    "turns.avi": (lambda path: write_changing_sizes(path, [(64, 48), (48, 64)] * 9), True),
    "to a ribbon.avi": (
        lambda path: write_changing_sizes(path, [(64, 48)] * 4 + [(4096, 1)] * 4),
        False,
    ),
    "beyond.avi": (
        lambda path: write_changing_sizes(path, [(64, 48)] * 4 + [(5000, 4000)] * 2),
        True,
    ),
    "beyond from the first.avi": (lambda path: write_changing_sizes(path, [(5000, 4000)]), False),
    "16000.mov": (_huge_movie, False),
    "16000.mpg": (_huge_mpeg, False),
}


def write_absurd(folder: Path) -> list[Path]:
    """All of them."""
    return [write(folder / name) for name, (write, _) in ABSURD.items()]


def count_frames(path: Path) -> int:
    """How many FFmpeg gives, in its plainest way."""
    with av.open(f"file:{path}") as container:
        return sum(1 for _ in container.decode(video=0))


def sameness(frames: np.ndarray, others: np.ndarray) -> bool:
    """Whether they are equal, pixel for pixel."""
    return frames.shape == others.shape and bool((frames == others).all())
