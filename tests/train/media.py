"""Small videos for the tests, encoded by FFmpeg, each frame unlike any other."""

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

FRAMES = 48
WIDTH, HEIGHT = 64, 48
RATE = Fraction(30000, 1001)

real_clips = pytest.mark.skipif(
    not Path(os.environ.get("TVN_CLIPS", "")).is_absolute(),
    reason="TVN_CLIPS names no folder of real clips",
)


def real_clip_files() -> list[Path]:
    """The clips in the folder that TVN_CLIPS names."""
    suffixes = (".avi", ".mp4")
    return sorted(p for p in Path(os.environ["TVN_CLIPS"]).iterdir() if p.suffix in suffixes)


@dataclass(frozen=True)
class Recipe:
    """How to encode: container by the file's suffix, encoder, and what makes it a trap."""

    suffix: str
    codec: str
    options: Mapping[str, str] = field(default_factory=dict)
    pixel_format: str = "yuv420p"
    tag: str | None = None
    stamps: Sequence[int] | None = None  # of the frames, in frames; one after the other if None


# A gap in the stamps makes AVI hold empty chunks, and MP4 frames of unequal length.
GAPS = [i + 3 * (i > 7) + 2 * (i > 30) for i in range(FRAMES)]
RECIPES = {
    "as UCF's": Recipe(".avi", "mpeg4", {"g": "12"}, tag="XVID"),
    "AVI with B-frames": Recipe(".avi", "mpeg4", {"g": "12", "bf": "2"}, tag="DX50"),
    "AVI with empty chunks": Recipe(".avi", "mpeg4", {"g": "12"}, tag="XVID", stamps=GAPS),
    "AVI of JPEGs": Recipe(".avi", "mjpeg", {}, "yuvj420p"),
    "MPEG-4 with B-frames in MP4": Recipe(".mp4", "mpeg4", {"g": "12", "bf": "2"}),
    "H.264": Recipe(".mp4", "libx264", {"g": "12", "bf": "3"}),
    "H.264, a gap in time": Recipe(".mp4", "libx264", {"g": "12", "bf": "3"}, stamps=GAPS),
    "H.264, a late first frame": Recipe(
        ".mp4", "libx264", {"g": "12"}, stamps=range(5, FRAMES + 5)
    ),
    "H.264, open groups": Recipe(".mp4", "libx264", {"g": "12", "x264-params": "open-gop=1"}),
    "H.264, intra refresh": Recipe(".mp4", "libx264", {"x264-params": "intra-refresh=1:keyint=9"}),
    "H.264 in a transport stream": Recipe(".ts", "libx264", {"g": "12", "bf": "3"}),
    "VP9": Recipe(".webm", "libvpx-vp9", {"g": "12", "deadline": "realtime", "cpu-used": "8"}),
    "MPEG-2 with B-frames": Recipe(".mpg", "mpeg2video", {"g": "12", "bf": "2"}),
}


def pictures(
    frames: int = FRAMES, width: int = WIDTH, height: int = HEIGHT
) -> Iterator[np.ndarray]:
    """Frames in which a bar wanders over blocks of colour."""
    random = np.random.default_rng(0)
    small = random.integers(0, 256, (-(-height // 8), -(-width // 8), 3), np.uint8)
    scene = small.repeat(8, 0).repeat(8, 1)[:height, :width]
    for frame in range(frames):
        picture = scene.copy()
        at = frame * max(1, width // frames) % width
        picture[:, at : at + max(2, width // 16)] = (frame * 37 % 256, 255, 255 - frame * 5 % 256)
        yield picture


def encode(
    path: Path,
    recipe: Recipe,
    frames: int = FRAMES,
    *,
    width: int = WIDTH,
    height: int = HEIGHT,
    rate: Fraction | int = RATE,
    title: str = "",
    display_matrix: Sequence[int] | None = None,
) -> Path:
    """Write a video as the recipe says."""
    with av.open(f"file:{path}", mode="w") as container:
        stream = container.add_stream(recipe.codec, rate=rate, options=dict(recipe.options))
        assert isinstance(stream, VideoStream)
        container.metadata["title"] = title
        stream.pix_fmt = recipe.pixel_format
        stream.width, stream.height = width, height
        stream.codec_context.thread_count = 1
        if display_matrix:
            stream.set_display_matrix(display_matrix)
        if recipe.tag:
            stream.codec_context.codec_tag = recipe.tag
        for index, picture in enumerate(pictures(frames, width, height)):
            frame = VideoFrame.from_ndarray(picture)
            frame.time_base = 1 / Fraction(rate)
            frame.pts = recipe.stamps[index] if recipe.stamps else index
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def pack(source: Path, path: Path) -> Path:
    """`source`, an AVI of MPEG-4 with single B-frames, packed as DivX did it.

    A B-frame stands in one chunk with the frame after it in time, which its decoding needs; a chunk
    of nothing follows, so that there are as many chunks as frames, and two to spare.
    """
    with av.open(f"file:{source}") as container:
        video = container.streams.video[0]
        coded = [bytes(packet) for packet in container.demux(video) if packet.size]
        chunks: list[bytes] = []
        for data in coded:
            if _frame_type(data) == "B":
                chunks[-2] += data
            else:  # what the encoder calls itself is how a decoder knows of the packing
                chunks += [re.sub(rb"Lavc[\d.]+", b"DivX503b1393p", data), b"\x7f"]
        with av.open(f"file:{path}", mode="w") as packed:
            stream = packed.add_stream_from_template(video)
            for index, chunk in enumerate(chunks):
                packet = av.Packet(chunk)
                packet.stream, packet.time_base = stream, 1 / RATE
                packet.pts = packet.dts = index
                packet.is_keyframe = len(chunk) > 1 and _frame_type(chunk) == "I"
                packed.mux(packet)
    return path


def _frame_type(data: bytes) -> str:
    """I, P, B or S, from the two bits after the start code of a frame of MPEG-4."""
    return "IPBS"[data[data.index(b"\0\0\1\xb6") + 4] >> 6]


def all_frames(path: Path) -> np.ndarray:
    """What PyAV's plainest way gives, from the first frame to the last: `[T, H, W, 3]`."""
    with av.open(f"file:{path}", metadata_errors="replace") as container:
        return np.stack([frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)])


def write_sound(path: Path) -> Path:
    """A file with sound and no picture."""
    with av.open(f"file:{path}", mode="w") as container:
        stream = container.add_stream("pcm_s16le", rate=8000, layout="mono")
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 8000), np.int16), "s16", "mono")
        frame.rate = 8000
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path
