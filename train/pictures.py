"""Curves, the confusion matrix and the surest mistakes, as PNG files."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from port.atomic import writing
from port.text import plottable, visible
from train.data.container import Undecodable
from train.data.decoding import read_frames
from train.data.videos import shown
from train.logs import read_metrics
from train.results import Results

MISTAKES = 8  # on the sheet
FRAMES = 4  # of each
LONGEST = 40  # characters of a name
FEW = 20  # classes whose counts can be read inside their squares in a usual size
MANY = 60  # classes whose counts fit there at all


def draw_all(results: Results, metrics: Path, folder: Path) -> None:
    """Write `curves.png`, `confusion.png` and `mistakes.png`.

    Args:
        results: of a test.
        metrics: the run's `metrics.jsonl`.
        folder: must exist.

    Raises:
        InputError: it cannot be written.
    """
    _save(curves(read_metrics(metrics)), folder / "curves.png")
    _save(confusion(results), folder / "confusion.png")
    _save(mistakes(results), folder / "mistakes.png")


def curves(rows: Sequence[dict[str, Any]]) -> Figure:
    """Loss and accuracy over epochs."""
    figure = Figure(figsize=(9, 4), layout="constrained")
    left, right = figure.subplots(1, 2)
    train = [row for row in rows if row["kind"] == "train"]
    test = [row for row in rows if row["kind"] == "test"]
    left.plot(*_series(train, "loss"), label="training, with augmentation and smoothing")
    left.plot(*_series(test, "loss"), "o-", label="test")
    right.plot(*_series(test, "top1"), "o-", label="top-1")
    right.plot(*_series(test, "top5"), "o-", label="top-5")
    left.set(xlabel="epoch", ylabel="loss")
    right.set(xlabel="epoch", ylabel="test accuracy", ylim=(0, 1.05))
    for axes in (left, right):
        axes.set_xlim(left=0)
        # Below, where no curve is.
        axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.17), ncols=2, frameon=False)
        axes.grid(alpha=0.3)
    return figure


def confusion(results: Results) -> Figure:
    """Rows are true classes, columns what was predicted; shares of the row, the counts inside."""
    counts, names = results.confusion, [plottable(n, LONGEST) for n in results.class_names]
    shares = counts / np.maximum(1, counts.sum(1, keepdims=True))
    side = max(4.0, 0.22 * len(names) + 2)
    figure = Figure(figsize=(side + 1, side), layout="constrained")
    axes = figure.subplots()
    image = axes.imshow(shares, vmin=0, vmax=1, cmap="Blues")
    axes.set_xticks(range(len(names)), names, rotation=90, fontsize=7)
    axes.set_yticks(range(len(names)), names, fontsize=7)
    axes.set(xlabel="predicted", ylabel="true class")
    axes.set_title(f"top-1 {results.top1:.1%} of {counts.sum()} videos", fontsize=9)
    if len(names) <= MANY:
        size = 10 if len(names) <= FEW else 6
        for row, column in zip(*np.nonzero(counts), strict=True):
            colour = "white" if shares[row, column] > 0.5 else "black"
            axes.text(column, row, counts[row, column], ha="center", va="center", color=colour,
                      fontsize=size)  # fmt: skip
    figure.colorbar(image, label="share of the row", shrink=0.6, aspect=30)
    return figure


def mistakes(results: Results) -> Figure:
    """The videos that were most surely taken for another class, with frames of each."""
    worst = results.mistakes()[:MISTAKES]
    figure = Figure(figsize=(2 * FRAMES, 0.6 + 1.9 * max(1, len(worst))), layout="constrained")
    if not worst:
        figure.text(0.5, 0.5, "no mistakes", ha="center", va="center")
        return figure
    for index, row in zip(worst, figure.subplots(len(worst), FRAMES, squeeze=False), strict=True):
        video, odds = results.predictions.videos[index], results.predictions.probabilities[index]
        for axes, frame in zip(row, _frames(video.path), strict=False):
            axes.imshow(frame)
        for axes in row:
            axes.set_axis_off()
        names = [visible(name, LONGEST) for name in results.class_names]
        said = results.chosen[index]
        title = plottable(
            f"{visible(shown(video.path.name), LONGEST)}: {names[video.label]} "
            f"({odds[video.label]:.0%}) taken for {names[said]} ({odds[said]:.0%})"
        )
        text = row[0].text(0, 1.05, title, transform=row[0].transAxes, fontsize=8)
        text.set_in_layout(False)  # it may run on over the next frames
    return figure


def _series(rows: Sequence[dict[str, Any]], name: str) -> tuple[list[float], list[float]]:
    return [row["epoch"] for row in rows], [row[name] for row in rows]


def _frames(path: Path) -> Sequence[np.ndarray]:
    """A few frames spread over the video; none if it cannot be decoded any more."""

    def spread(count: int) -> list[int]:
        return [round(i * (count - 1) / (FRAMES - 1)) for i in range(FRAMES)]

    try:
        return list(read_frames(path, spread))
    except Undecodable:
        return []


def _save(figure: Figure, path: Path) -> None:
    with writing(path) as file:
        figure.savefig(file, format="png", dpi=120)
