"""A timeline as a picture: the odds of the likeliest classes over a video's course."""

from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from port.atomic import writing
from port.errors import InputError
from port.text import plottable
from train.predict import Timeline

SUFFIXES = (".svg", ".png", ".pdf")
LONGEST = 40  # characters of a class's name
SHOWN = 6  # classes that have a line of their own


def draw_timeline(timeline: Timeline, title: str, path: Path) -> None:
    """Write the picture.

    Args:
        timeline: of a video.
        title: stands above it.
        path: the file; its suffix, one of `SUFFIXES`, says the format.

    Raises:
        InputError: the file cannot be written.
    """
    check_suffix(path)
    figure = Figure(figsize=(9, 3.2), layout="constrained")
    axes = figure.subplots()
    best = np.argsort(-timeline.probabilities.max(0), kind="stable")[:SHOWN]
    for label in sorted(best, key=lambda label: -timeline.probabilities[:, label].mean()):
        odds, name = timeline.probabilities[:, label], timeline.class_names[label]
        axes.plot(timeline.middles, odds, marker=".", label=plottable(name, LONGEST))
    axes.set(xlabel="seconds", ylabel="probability", ylim=(0, 1.02))
    axes.set_title(plottable(title, 2 * LONGEST), loc="left", fontsize="medium")
    axes.grid(alpha=0.3)
    axes.legend(loc="upper left", bbox_to_anchor=(1, 1), frameon=False)
    with writing(path) as file:
        figure.savefig(file, format=path.suffix[1:].lower(), dpi=150)


def check_suffix(path: Path) -> None:
    """Raises InputError where no picture can be written under that name."""
    if path.suffix.lower() not in SUFFIXES:
        raise InputError(f"{path}: expected a name that ends in {' or '.join(SUFFIXES)}")
