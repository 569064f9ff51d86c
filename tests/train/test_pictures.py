"""The pictures of a test: counts that can be read, legends that hide nothing."""

from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest

from train.pictures import MANY, confusion, curves


def results(classes: int) -> Any:
    counts = np.diag(np.arange(10, 10 + classes))
    counts[0, -1] = 7
    names = [f"class {number}" for number in range(classes)]
    return cast(Any, SimpleNamespace(confusion=counts, class_names=names, top1=0.9))


@pytest.mark.parametrize("classes", [5, 50, MANY + 1])
def test_counts_stand_in_their_squares_where_they_fit(classes: int) -> None:
    figure = confusion(results(classes))
    axes = figure.axes[0]
    assert axes.get_xlabel() == "predicted"
    assert len(axes.texts) == (classes + 1 if classes <= MANY else 0)
    figure.canvas.draw()
    side = axes.transData.transform([(0, 0), (1, 0)])[:, 0]
    for text in axes.texts:
        assert text.get_window_extent().width <= side[1] - side[0]


def test_legends_hide_no_curve() -> None:
    rows = [
        {"kind": kind, "epoch": epoch, "loss": 2 / epoch, "top1": 0.5, "top5": 0.9}
        for epoch in (1, 2, 3)
        for kind in ("train", "test")
    ]
    figure = curves(rows)
    figure.canvas.draw()
    for axes in figure.axes:
        legend = axes.get_legend()
        assert legend is not None
        assert legend.get_window_extent().y1 < axes.get_window_extent().y0
