"""A trajectory report as one SVG: how far runs are apart, step by step, on a logarithmic scale."""

import math
from collections.abc import Sequence
from html import escape

import numpy as np

from verify.engine.trajectory import TrajectoryReport

WIDTH, HEIGHT, LEFT, TOP, BOTTOM, RIGHT = 720, 420, 64, 48, 44, 250


def render(report: TrajectoryReport) -> str:
    """The picture's text. Lines are medians over the runs, bands reach from least to most."""
    series = [
        ("port from original, float32", "#b00020", report.crossed),
        ("original from itself, float32", "#1b5fb4", report.own),
        ("original float32 from float64", "#7a7a7a", report.rounded),
        ("port from original, float64", "#1b7f3b", [[value] for value in report.float64]),
    ]
    exponents = [math.log10(v) for _, _, runs in series for step in runs for v in step if v > 0]
    low, high = math.floor(min(exponents)), math.ceil(max(exponents))
    steps = len(report.float64)

    def x(step: int) -> float:
        return LEFT + (WIDTH - LEFT - RIGHT) * step / max(steps - 1, 1)

    def y(exponent: float) -> float:
        return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * (exponent - low) / max(high - low, 1)

    def line(values: Sequence[float]) -> str:
        heights = (y(math.log10(value)) if value > 0 else y(low) for value in values)
        return " ".join(f"{x(i):.1f},{height:.1f}" for i, height in enumerate(heights))

    parts = [
        f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y(e):.1f}" y2="{y(e):.1f}" stroke="#ddd"/>'
        f'<text x="{LEFT - 8}" y="{y(e) + 4:.1f}" text-anchor="end">1e{e}</text>'
        for e in range(low, high + 1, 2)
    ] + [
        f'<text x="{x(step - 1):.1f}" y="{HEIGHT - BOTTOM + 20}" text-anchor="middle">{step}</text>'
        for step in range(1, steps + 1)
        if step % 5 == 0 or step == 1
    ]
    for row, (label, colour, runs) in enumerate(series):
        least, most = [min(step) for step in runs], [max(step) for step in runs]
        back = " ".join(reversed(line(most).split()))
        parts.append(f'<polygon points="{line(least)} {back}" fill="{colour}" opacity=".15"/>')
        middle = [float(np.median(step)) for step in runs]
        parts.append(
            f'<polyline points="{line(middle)}" fill="none" stroke="{colour}" stroke-width="2"/>'
        )
        top = TOP + 14 + 20 * row
        parts.append(f'<text x="{WIDTH - RIGHT + 14}" y="{top}" fill="{colour}">{label}</text>')
    title = f"{escape(report.name)}: distance after each step, as a share of the way come"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" '
        'font-family="system-ui, sans-serif" font-size="13">'
        f'<rect width="100%" height="100%" fill="white"/><text x="{LEFT}" y="26">{title}</text>'
        + "".join(parts)
        + "</svg>\n"
    )
