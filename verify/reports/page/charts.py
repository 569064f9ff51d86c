"""The charts of a report: error over depth, values of a training step, a course of training."""

import math
from collections.abc import Callable, Mapping, Sequence
from statistics import median
from typing import Any

from verify.numerics.verdicts import SAME_FUNCTION_BOUND
from verify.reports.page.chart import Chart, Series, draw
from verify.reports.page.words import relative

Data = Mapping[str, Any]
SHARE = "share of the largest magnitude"
# Of a trajectory: label, colour, and where the data has the distances of each step's runs.
COURSES = (
    ("port from original, float32", "port", "crossed"),
    ("original from itself, float32", "onnx", "own"),
    ("original float32 from float64", "original", "rounded"),
    ("port from original, float64", "float64", "float64"),
)


def depth_chart(data: Data, marks: Sequence[int], starts: Sequence[int]) -> Chart:
    """Every layer's error, from the input on and alone, against the original in float64."""
    taps = data["taps"]

    def of(how: str, figure: Callable[[Any], float | None]) -> list[float]:
        return [_value(tap[how], figure) for tap in taps]

    def float32(side: str) -> Callable[[Any], float]:
        return lambda verdict: relative(verdict, side)

    def float64(verdict: Any) -> float | None:
        found: float | None = verdict["float64_relative_error"]
        return found

    series = [
        Series("port32", "port, float32", "port", of("accumulated", float32("port"))),
        Series("original32", "original, float32", "original",
               of("accumulated", float32("original")), dashed=True),
        Series("port64", "port, float64", "float64", of("accumulated", float64)),
        Series("port32-alone", "port alone, float32", "port",
               of("isolated", float32("port")), dots=True, shown=False),
        Series("original32-alone", "original alone, float32", "original",
               of("isolated", float32("original")), dots=True, shown=False),
        Series("port64-alone", "port alone, float64", "float64", of("isolated", float64),
               dots=True),
        *_variants(data),
    ]  # fmt: skip
    return Chart(
        title="Error of every layer against the original in float64, in the order of computation",
        across="layers, in the order of computation",
        up=f"error, as a {SHARE}",
        names=[tap["name"] for tap in taps],
        series=series,
        marks=marks,
        starts=starts,
        bound=SAME_FUNCTION_BOUND,
        bound_label="allowed in float64",
    )


def _variants(data: Data) -> list[Series]:
    """ONNX Runtime's float32, where it was judged at the same taps."""
    onnx = data["further"].get("onnx")
    if onnx is None:
        return []
    found = {tap["name"]: tap["accumulated"] for tap in onnx["taps"]}
    values = [
        _value(found.get(tap["name"]), lambda verdict: relative(verdict, "port"))
        for tap in data["taps"]
    ]
    return [Series("onnx", "ONNX Runtime, float32", "onnx", values)]


def _value(verdict: Any, figure: Callable[[Any], float | None]) -> float:
    if verdict is None:
        return math.nan
    found = figure(verdict)
    return math.inf if found is None else found


def training_chart(data: Data) -> Chart:
    """The errors of everything that a training step computes, forward and then back."""
    values = data["values"]

    def medians(key: str) -> list[float]:
        return [median(map(_known, v[key])) if v[key] else math.nan for v in values]

    return Chart(
        title="Error of every value of a training step against the original in float64",
        across="values, forward and then back from the loss",
        up=f"error, as a {SHARE}",
        names=[value["name"] for value in values],
        series=[
            Series("port32", "port, float32", "port", medians("port_float32_errors")),
            Series("original32", "original, float32", "original",
                   medians("original_float32_errors"), dashed=True),
            Series("port64", "port, float64", "float64",
                   [_known(value["float64_error"]) for value in values]),
        ],
        marks=[place for place, value in enumerate(values) if not value["passed"]],
    )  # fmt: skip


def trajectory_chart(data: Data) -> Chart:
    """How far runs are apart, step by step: medians, and bands from least to most."""
    series = []
    for label, colour, key in COURSES:
        runs = [[_known(d) for d in _listed(step)] for step in data[key]]
        middle = [median(step) for step in runs]
        low, high = [min(step) for step in runs], [max(step) for step in runs]
        series.append(Series(key, label, colour, middle, low=low, high=high))
    steps = len(data["float64"])
    return Chart(
        title="How far runs of training are apart, step by step",
        across="step",
        up="distance, as a share of the way come",
        names=[f"step {step}" for step in range(1, steps + 1)],
        series=series,
    )


def draw_trajectory(data: Data) -> str:
    """A course of training as SVG that stands by itself, with a legend.

    Args:
        data: of a trajectory's report.
    """
    from dataclasses import replace

    return draw(replace(trajectory_chart(data), legend=True))


def _known(value: float | None) -> float:
    return math.inf if value is None else value


def _listed(step: Any) -> list[Any]:
    return list(step) if isinstance(step, list | tuple) else [step]
