"""A copy of a video with what the net says of it written into the frames."""

from collections.abc import Iterator
from functools import cache
from pathlib import Path

import matplotlib
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from port.errors import InputError
from port.text import visible
from train.data.container import Undecodable, open_video
from train.data.decoding import frame_rate, read_all
from train.data.encoding import write_video
from train.data.videos import shown
from train.predict import Timeline

LONGEST = 60  # characters of a class's name
LINES = 3  # classes that are named in every frame
H264 = {"crf": "20", "preset": "veryfast"}


def write_annotated(timeline: Timeline, source: Path, target: Path) -> int:
    """Write the copy, in H.264 and without sound; returns how many frames it has.

    Args:
        timeline: of `source`.
        source: the video.
        target: the copy, a name that ends in .mp4, .mkv, .mov or .avi.

    Raises:
        InputError: the copy cannot be written or `source` not be decoded.
    """
    if target.resolve() == source.resolve():
        raise InputError(f"{target}: the video itself; choose another name for the copy")
    try:
        with open_video(source) as (_, stream):
            rate = frame_rate(stream)
        return write_video(target, _annotated(timeline, source), rate, "libx264", options=H264)
    except Undecodable as error:
        raise InputError(f"{shown(source)}: {error}") from None


def _annotated(timeline: Timeline, source: Path) -> Iterator[np.ndarray]:
    for time, picture in read_all(source):
        odds = timeline.at(time)
        best = np.argsort(-odds, kind="stable")[:LINES]
        yield annotate(picture, [(timeline.class_names[i], float(odds[i])) for i in best])


def annotate(picture: np.ndarray, odds: list[tuple[str, float]]) -> np.ndarray:
    """A frame `[H, W, 3]` with a line for each class: its name, and a bar for its probability."""
    image = Image.fromarray(picture)
    draw = ImageDraw.Draw(image, "RGBA")
    height = max(10, image.height // 18)  # of a line
    font = _font(max(8, round(height * 0.75)))
    draw.rectangle((0, 0, image.width, height * len(odds)), fill=(0, 0, 0, 150))
    for row, (name, probability) in enumerate(odds):
        top = row * height
        bar = (0, top + 1, round(image.width * probability), top + height - 1)
        draw.rectangle(bar, fill=(40, 120, 220, 170))
        text = f"{visible(name, LONGEST)} {probability:.0%}"
        draw.text((4, top + height / 2), text, (255, 255, 255), font, anchor="lm")
    return np.asarray(image)


@cache
def _font(size: int) -> ImageFont.FreeTypeFont:
    """The font that matplotlib brings; it has letters of many languages."""
    return ImageFont.truetype(Path(matplotlib.get_data_path(), "fonts/ttf/DejaVuSans.ttf"), size)
