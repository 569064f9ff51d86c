"""Lines and dots on one logarithmic scale, as SVG that takes its colours from the page."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape

WIDTH, HEIGHT = 960, 380
LEFT, RIGHT, TOP, BOTTOM = 62, 12, 14, 40
# Exact values and infinite ones have no place on the scale: they have a lane of their own.
LANE = 20
# Colours by name: a variable of the page's style, and what it is where there is no page.
COLOURS = {
    "port": "var(--port, #1d5fc4)",
    "original": "var(--original, #6a6f77)",
    "float64": "var(--float64, #0b7a6f)",
    "onnx": "var(--onnx, #8a4fbf)",
    "bad": "var(--bad, #b3141d)",
    "line": "var(--line, #d8d8d2)",
    "dim": "var(--dim, #5a5e66)",
}


@dataclass(frozen=True, slots=True)
class Series:
    """One line, or dots that nothing connects, with a band around it where `low` and `high` are.

    In `values` NaN is what there is none of; infinities and zeros are shown beside the scale.
    """

    key: str
    label: str
    colour: str
    values: Sequence[float]
    dots: bool = False
    dashed: bool = False
    shown: bool = True
    low: Sequence[float] = ()
    high: Sequence[float] = ()


@dataclass(frozen=True, slots=True)
class Chart:
    """What is drawn: `marks` are places that deserve a look, `starts` where a new part begins."""

    title: str
    across: str
    up: str
    names: Sequence[str]
    series: Sequence[Series]
    marks: Sequence[int] = ()
    starts: Sequence[int] = ()
    bound: float | None = None
    bound_label: str = ""
    legend: bool = False


def draw(chart: Chart) -> str:
    """The chart as an SVG element."""
    scale = _Scale.of(chart)
    parts = [*_grid(chart, scale), *_marks(chart, scale)]
    for series in chart.series:
        hidden = "" if series.shown else ' hidden=""'
        drawn = "".join(_drawn(series, scale))
        parts.append(
            f'<g data-series="{escape(series.key)}"{hidden}><title>{escape(series.label)}</title>'
            f"{drawn}</g>"
        )
    if chart.legend:
        parts += _legend(chart.series)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="chart" viewBox="0 0 {WIDTH} {HEIGHT}" '
        f'role="img" aria-label="{escape(chart.title)}" font-family="system-ui, sans-serif" '
        f'font-size="12">{"".join(parts)}</svg>'
    )


def data_of(chart: Chart) -> dict[str, object]:
    """What the page's script needs of a chart, to tell what is under the pointer."""
    scale = _Scale.of(chart)
    return {
        "names": list(chart.names),
        "x": [round(scale.x(place) / WIDTH, 5) for place in range(len(chart.names))],
        "series": [
            {
                "key": each.key,
                "label": each.label,
                "values": [_told(value) for value in each.values],
            }
            for each in chart.series
        ],
    }


def _told(value: float) -> str:
    if math.isnan(value):
        return "–"
    return "∞" if math.isinf(value) else "exact" if value == 0 else f"{value:.1e}"


@dataclass(frozen=True, slots=True)
class _Scale:
    """Where a value is; the powers of ten from `low` to `high` are on the scale."""

    low: int
    high: int
    places: int

    @classmethod
    def of(cls, chart: Chart) -> "_Scale":
        every = [v for s in chart.series for v in (*s.values, *s.low, *s.high)]
        every += [chart.bound] if chart.bound else []
        logs = [math.log10(v) for v in every if 0 < v < math.inf]
        low, high = (math.floor(min(logs)), math.ceil(max(logs))) if logs else (-1, 0)
        return cls(low, max(high, low + 1), len(chart.names))

    def x(self, place: float) -> float:
        return LEFT + (WIDTH - LEFT - RIGHT) * (place + 0.5) / max(self.places, 1)

    def y(self, value: float) -> float:
        if math.isinf(value):
            return TOP + LANE / 2
        bottom, top = HEIGHT - BOTTOM - LANE, TOP + LANE
        if value <= 0:
            return bottom + LANE * 0.8
        share = (math.log10(value) - self.low) / (self.high - self.low)
        return bottom - (bottom - top) * share


def _grid(chart: Chart, scale: _Scale) -> Iterator[str]:
    step = max(1, round((scale.high - scale.low) / 8))
    for power in range(scale.low, scale.high + 1, step):
        y = scale.y(10.0**power)
        yield _line(LEFT, y, WIDTH - RIGHT, y, COLOURS["line"])
        yield _text(LEFT - 8, y + 4, f"1e{power}" if power else "1", "end")
    yield _text(LEFT - 8, scale.y(0) + 4, "exact", "end")
    if any(math.isinf(value) for series in chart.series for value in series.values):
        yield _text(LEFT - 8, scale.y(math.inf) + 4, "∞", "end")
    for start in chart.starts:
        x = scale.x(start - 0.5)
        yield _line(x, HEIGHT - BOTTOM, x, HEIGHT - BOTTOM + 5, COLOURS["dim"])
    yield _line(LEFT, HEIGHT - BOTTOM, WIDTH - RIGHT, HEIGHT - BOTTOM, COLOURS["dim"])
    yield _text((LEFT + WIDTH) / 2, HEIGHT - 10, chart.across, "middle")
    middle = (HEIGHT - BOTTOM) / 2
    turned = f' transform="rotate(-90 12 {middle:.1f})"'
    yield _text(12, middle, chart.up, "middle", turned)
    if chart.bound:
        y = scale.y(chart.bound)
        yield _line(LEFT, y, WIDTH - RIGHT, y, COLOURS["bad"], ' stroke-dasharray="2 4"')
        yield _text(WIDTH - RIGHT, y - 5, chart.bound_label, "end")


def _marks(chart: Chart, scale: _Scale) -> Iterator[str]:
    for mark in chart.marks:
        x = scale.x(mark)
        yield _line(x, TOP, x, HEIGHT - BOTTOM, COLOURS["bad"], ' stroke-opacity="0.55"')
        yield f'<path d="M{x:.1f} {HEIGHT - BOTTOM}l5 9h-10z" fill="{COLOURS["bad"]}"/>'


def _drawn(series: Series, scale: _Scale) -> Iterator[str]:
    colour = COLOURS[series.colour]
    points = [
        (scale.x(place), scale.y(value))
        for place, value in enumerate(series.values)
        if not math.isnan(value)
    ]
    if series.low and series.high:
        edges = [(scale.x(p), scale.y(v)) for p, v in enumerate(series.high) if v == v]
        edges += [(scale.x(p), scale.y(v)) for p, v in enumerate(series.low) if v == v][::-1]
        yield f'<path d="{_path(edges)}Z" fill="{colour}" fill-opacity="0.16"/>'
    if series.dots:
        dots = "".join(f"M{x:.1f} {y:.1f}h0" for x, y in points)
        yield (
            f'<path d="{dots}" fill="none" stroke="{colour}" stroke-width="5" '
            'stroke-linecap="round" stroke-opacity="0.75"/>'
        )
    elif points:
        dash = ' stroke-dasharray="6 4"' if series.dashed else ""
        yield (
            f'<path d="{_path(points)}" fill="none" stroke="{colour}" stroke-width="1.8" '
            f'stroke-linejoin="round"{dash}/>'
        )


def _path(points: Sequence[tuple[float, float]]) -> str:
    return "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in points) if points else "M0 0"


def _legend(series: Sequence[Series]) -> Iterator[str]:
    for place, each in enumerate(series):
        y = TOP + 16 + 18 * place
        yield _line(LEFT + 14, y, LEFT + 40, y, COLOURS[each.colour], ' stroke-width="3"')
        yield _text(LEFT + 48, y + 4, each.label, "start")


def _line(x1: float, y1: float, x2: float, y2: float, colour: str, more: str = "") -> str:
    return (
        f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{colour}"{more}/>'
    )


def _text(x: float, y: float, text: str, anchor: str, more: str = "") -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{COLOURS["dim"]}"{more}>'
        f"{escape(text)}</text>"
    )
