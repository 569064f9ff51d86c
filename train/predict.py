"""What a trained net says of videos: of each as a whole, and along its course."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from port.convert.weights import load_weights
from port.engines import Engine, engine_of
from port.errors import InputError
from port.model import TinyVideoNet
from train.data.clips import Batch, TestClips, collate
from train.data.container import Undecodable
from train.data.decoding import read_all
from train.data.transform import CROPS, prepare
from train.data.videos import Video, shown

WINDOWS = 16  # of a timeline at a time


@dataclass(frozen=True)
class Classifier:
    """A net in evaluation mode, its classes by label, where it computes, and what runs it.

    `engine`: from clips to logits; the net itself if None.
    """

    net: TinyVideoNet
    class_names: tuple[str, ...]
    device: torch.device
    engine: Engine | None = None

    @torch.inference_mode()
    def probabilities(self, clips: Tensor) -> np.ndarray:
        """Clips `[B, 3, T, H, W]` in [0, 1] to probabilities `[B, classes]`, float64."""
        run = self.engine or self.net
        logits: Tensor = run(clips.to(self.device))
        return logits.double().softmax(1).cpu().numpy()

    def ranked(self, probabilities: np.ndarray, count: int = 5) -> list[tuple[str, float]]:
        """The `count` likeliest classes with their probabilities, the likeliest first."""
        order = np.argsort(-probabilities, kind="stable")[:count]
        return [(self.class_names[label], float(probabilities[label])) for label in order]


@dataclass(frozen=True)
class Timeline:
    """What windows of a video show: when each begins and ends, in seconds, and the odds.

    `starts` and `ends` are `[N]`, `probabilities` is `[N, classes]`.
    """

    class_names: tuple[str, ...]
    starts: np.ndarray
    ends: np.ndarray
    probabilities: np.ndarray

    @property
    def middles(self) -> np.ndarray:
        """`[N]`, in seconds."""
        return (self.starts + self.ends) / 2

    def at(self, seconds: float) -> np.ndarray:
        """The odds `[classes]` of the window whose middle is nearest."""
        row: np.ndarray = self.probabilities[np.abs(self.middles - seconds).argmin()]
        return row

    def to_dicts(self) -> list[dict[str, Any]]:
        """`segments`, for JSON."""
        names = ("start", "end", "class", "probability")
        return [dict(zip(names, each, strict=True)) for each in self.segments()]

    def segments(self) -> list[tuple[float, float, str, float]]:
        """Runs of windows with one likeliest class: start, end, class, mean probability."""
        labels = self.probabilities.argmax(1)
        bounds = [0, *(np.flatnonzero(np.diff(labels)) + 1).tolist(), len(labels)]
        found = []
        for first, last in pairwise(bounds):
            label = int(labels[first])
            odds = float(self.probabilities[first:last, label].mean())
            # Windows overlap; where the class changes, they are divided between their middles.
            start = self._boundary(first) if first else float(self.starts[0])
            end = self._boundary(last) if last < len(labels) else float(self.ends[-1])
            found.append((start, end, self.class_names[label], odds))
        return found

    def _boundary(self, window: int) -> float:
        return float(self.middles[window - 1] + self.middles[window]) / 2


def load_classifier(
    weights: Path,
    device: str = "auto",
    max_pool_predictions: bool = False,
    engine: str = "eager",
) -> Classifier:
    """A classifier from a weights file.

    Args:
        weights: of a run, or of `tvn convert`.
        device: "cpu", "cuda", or "auto", which takes CUDA where there is one.
        max_pool_predictions: take the published head that pools over frames.
        engine: what runs the net; see `port.engines`.

    Raises:
        InputError: the file cannot be used, or there is no such device or engine.
    """
    chosen = device if device != "auto" else "cuda" if torch.cuda.is_available() else "cpu"
    if chosen not in ("cpu", "cuda") or (chosen == "cuda" and not torch.cuda.is_available()):
        raise InputError(f"--device={device}: not here; use cpu")
    loaded = load_weights(weights)
    # In float32, as clips are prepared, whatever the file holds.
    net = loaded.build(max_pool_predictions=max_pool_predictions).float().to(chosen).eval()
    unnamed = [f"class {label}" for label in range(net.num_classes)]
    names = tuple(loaded.about.get("class_names") or unnamed)
    return Classifier(net, names, torch.device(chosen), engine_of(net, engine))


def classify(classifier: Classifier, path: Path, clips: int = 5, crops: int = 1) -> np.ndarray:
    """Probabilities `[classes]` of a video: the mean over evenly spaced clips and over crops.

    Raises:
        InputError: the video cannot be decoded.
    """
    clip = classifier.net.genotype.clip
    data = TestClips([Video(path, 0, "")], clip.num_frames, clip.frame_stride, clips)
    means = []
    for index in range(clips):
        batch = collate([data[index]])
        if batch.failed:
            raise InputError(batch.failed[0])
        for crop in CROPS[:crops]:
            frames = prepare(batch, clip.image_size, crop, classifier.device)
            means.append(classifier.probabilities(frames)[0])
    mean: np.ndarray = np.mean(means, axis=0)
    return mean


def timeline(classifier: Classifier, path: Path, step: int = 8) -> Timeline:
    """Slide a window of one clip's length over a video; it is decoded once.

    Args:
        classifier: what looks through the window.
        path: the video.
        step: frames from one window to the next.

    Raises:
        InputError: the video cannot be decoded.
    """
    bounds: list[tuple[float, float]] = []
    odds: list[np.ndarray] = []
    waiting: list[Tensor] = []
    try:
        for start, end, frames in _windows(classifier, path, step):
            bounds.append((start, end))
            waiting.append(frames)
            if len(waiting) == WINDOWS:
                odds.append(classifier.probabilities(torch.stack(waiting)))
                waiting.clear()
    except Undecodable as error:
        raise InputError(f"{shown(path)}: {error}") from None
    if waiting:
        odds.append(classifier.probabilities(torch.stack(waiting)))
    if not bounds:  # shorter than a window: one clip, looped, is all there is
        bounds = [(0.0, _duration(path))]
        odds = [classify(classifier, path, clips=1)[None]]
    starts, ends = np.array(bounds).T
    return Timeline(classifier.class_names, starts, ends, np.concatenate(odds))


def _windows(
    classifier: Classifier, path: Path, step: int
) -> Iterator[tuple[float, float, Tensor]]:
    """The time of each window's first and last frame, and its clip `[3, T, H, W]`."""
    clip = classifier.net.genotype.clip
    open_windows: dict[int, tuple[float, list[Tensor]]] = {}
    for index, (time, picture) in enumerate(read_all(path)):
        if index % step == 0:
            open_windows[index] = (time, [])
        wanting = [start for start in open_windows if (index - start) % clip.frame_stride == 0]
        if not wanting:
            continue
        frame = _prepared(picture, clip.image_size, classifier.device)
        for start in wanting:
            began, frames = open_windows[start]
            frames.append(frame)
            if len(frames) == clip.num_frames:
                del open_windows[start]
                yield began, time, torch.stack(frames, 1)


def _prepared(picture: np.ndarray, size: int, device: torch.device) -> Tensor:
    """A frame `[H, W, 3]` as `prepare` makes it: `[3, size, size]`."""
    none = torch.zeros(1, dtype=torch.int64)
    frames = torch.from_numpy(np.ascontiguousarray(picture))[None, None]
    batch = Batch(frames, none, none, none, none.bool(), ())
    return prepare(batch, size, CROPS[0], device)[0, :, 0]


def _duration(path: Path) -> float:
    times = [time for time, _ in read_all(path)]
    return times[-1]
