"""A trajectory as a picture: how far runs are apart, step by step, on a logarithmic scale."""

import io
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

# Label, colour, and where the report's data has the distances of each step's runs.
SERIES = (
    ("port from original, float32", "#b00020", "crossed"),
    ("original from itself, float32", "#1b5fb4", "own"),
    ("original float32 from float64", "#7a7a7a", "rounded"),
    ("port from original, float64", "#1b7f3b", "float64"),
)


def draw_trajectory(data: Mapping[str, Any]) -> str:
    """The picture as SVG. Lines are medians over the runs, bands reach from least to most.

    Args:
        data: of a trajectory's report.
    """
    # No state of pyplot's, and no font or salt that would make each file another.
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    with rc_context({"svg.fonttype": "none", "svg.hashsalt": "trajectory", "text.usetex": False}):
        figure = Figure(figsize=(9, 4.5), layout="constrained")
        axes = figure.add_subplot()
        for label, colour, key in SERIES:
            runs = [_positive(step) for step in data[key]]
            steps = range(1, len(runs) + 1)
            axes.plot(steps, [np.median(step) for step in runs], color=colour, label=label)
            least, most = [min(step) for step in runs], [max(step) for step in runs]
            axes.fill_between(steps, least, most, color=colour, alpha=0.15, linewidth=0)
        axes.set(yscale="log", xlabel="step", ylabel="distance, as a share of the way come")
        axes.grid(axis="y", alpha=0.3)
        figure.legend(loc="outside right upper", frameon=False)
        text = io.StringIO()
        figure.savefig(text, format="svg", metadata={"Date": None})
    return text.getvalue()[text.getvalue().index("<svg") :]


def _positive(distances: float | Sequence[float]) -> list[float]:
    """Each run's distance; what vanishes or is unknown has no place on a logarithmic scale."""
    runs = distances if isinstance(distances, Sequence) else [distances]
    return [value if value is not None and value > 0 else np.nan for value in runs]
