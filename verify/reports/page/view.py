"""A report's data as what the page shows: its sections, in the order in which they are read."""

from collections.abc import Iterator, Mapping, Sequence
from math import prod
from typing import Any

from verify.reports.page.blocks import LEVELS, blocks_of, level_of
from verify.reports.page.chart import Chart, data_of, draw
from verify.reports.page.charts import depth_chart, training_chart, trajectory_chart
from verify.reports.page.words import count, error, ratio, relative, shape, sortable

Data = Mapping[str, Any]
# What is told at the top, so that it need not be told below.
AT_THE_TOP = ("source", "seed", "input", "seconds", "versions", "genotype")


def view(data: Data) -> dict[str, Any]:
    """What the template needs."""
    guilty = set(data["guilty"])
    taps = [_tap(tap, tap["name"] in guilty) for tap in data["taps"]]
    blocks = blocks_of(data)
    starts = [block["taps"][0] for block in blocks if block["taps"]][1:]
    marks = [number for number, tap in enumerate(taps) if tap["guilty"]]
    charts = {"depth": depth_chart(data, marks, starts)} if taps else {}
    further = [
        _further(f"further{number}", name, outcome, charts, bool(guilty))
        for number, (name, outcome) in enumerate(data["further"].items())
    ]
    return {
        "name": data["name"],
        "passed": data["passed"],
        "summary": data["summary"],
        "sentence": _sentence(data, taps),
        "guilty": list(_guilty(data, taps)),
        "failed_besides": [each for each in further if not each["passed"]],
        "told": _left_over(data["diagnosis"]),
        "rests_on": list(_rests_on(data)),
        "blocks": blocks,
        "levels": LEVELS,
        "taps": taps,
        "counts": {
            "all": len(taps),
            "failed": sum(not tap["passed"] for tap in taps),
            "guilty": sum(tap["guilty"] for tap in taps),
        },
        "further": further,
        "charts": {key: {"chart": chart, "svg": draw(chart)} for key, chart in charts.items()},
        "genotype": data["about"].get("genotype"),
        "about": {k: v for k, v in data["about"].items() if _is_below(k, v)},
        "script_data": _script_data(taps, data["taps"], charts),
    }


def _is_below(key: str, value: Any) -> bool:
    """Is it told where what was compared is, and not at the top?"""
    return (
        bool(value) and key not in AT_THE_TOP and not (key == "weights" and isinstance(value, str))
    )


def _sentence(data: Data, taps: Sequence[Data]) -> str:
    """What comes after the report's own summary: what is guilty, and what follows from it."""
    if data["passed"] or not taps:
        return ""
    guilty = sum(tap["guilty"] for tap in taps)
    follow = sum(not tap["passed"] for tap in taps) - guilty
    if not guilty:
        return "Every layer is the same; what fails was judged besides."
    is_wrong = "is wrong by itself" if guilty == 1 else "are wrong by themselves"
    told = f"{count(guilty, 'layer', 'layers')} {is_wrong}"
    if follow:
        because = "of it" if guilty == 1 else "of them"
        told += f"; {count(follow, 'other differs', 'others differ')} only because {because}"
    return f"{told}."


def _tap(tap: Data, guilty: bool) -> dict[str, Any]:
    level = level_of(tap, guilty)
    accumulated, alone = tap["accumulated"], tap["isolated"]
    return {
        "name": tap["name"],
        "shape": shape(tap["shape"]),
        "elements": prod(tap["shape"]),
        "passed": tap["passed"],
        "guilty": guilty,
        "state": "guilty" if guilty else "same" if tap["passed"] else "follows",
        "level": level,
        "told": LEVELS[level],
        "verdict": tap["reason"] or "same",
        "figures": [
            _figure(accumulated, lambda v: v["float64_relative_error"], error),
            _figure(alone, lambda v: v["float64_relative_error"], error),
            _figure(accumulated, lambda v: relative(v, "port"), error),
            _figure(accumulated, lambda v: v["ratio"], ratio),
            _figure(alone, lambda v: v["ratio"], ratio),
        ],
    }


def _figure(verdict: Any, of: Any, written: Any) -> dict[str, Any]:
    """A cell: how it is sorted, how it is read."""
    if verdict is None:
        return {"sort": "", "text": "–"}
    value = of(verdict)
    value = None if value == float("inf") else value
    return {"sort": sortable(value), "text": written(value)}


def _guilty(data: Data, taps: Sequence[Data]) -> Iterator[dict[str, Any]]:
    """Each layer that is wrong by itself, with what was found out about it."""
    diagnosis = data["diagnosis"] or {}
    kinds, causes = diagnosis.get("layers", {}), diagnosis.get("causes", [])
    for number, (tap, shown) in enumerate(zip(data["taps"], taps, strict=True)):
        if shown["guilty"]:
            yield {
                "number": number,
                "tap": shown,
                "kind": kinds.get(tap["name"]),
                "alone": _alone(tap),
                "causes": [cause for cause in causes if cause["tap"] == tap["name"]],
            }


def _alone(tap: Data) -> str:
    verdict = tap["isolated"]
    if verdict is None:
        return ""
    return (
        f"By itself off by {error(verdict['float64_relative_error'])} in float64, "
        f"{ratio(verdict['ratio'])} times the original's own error in float32."
    )


def _left_over(diagnosis: Data | None) -> list[str]:
    """Of the terminal's lines, those that are not told with a layer."""
    if diagnosis is None:
        return []
    told = {cause["line"] for cause in diagnosis["causes"]}
    told |= {f"{tap}: {kind}" for tap, kind in diagnosis.get("layers", {}).items()}
    return [line for line in diagnosis["lines"] if line not in told]


def _rests_on(data: Data) -> Iterator[tuple[str, Any]]:
    about, made = data["about"], data.get("made") or {}
    given = {
        "command": made.get("command"),
        "source": about.get("source"),
        "weights": None if isinstance(about.get("weights"), dict) else about.get("weights"),
        "SHA-256": made.get("sha256"),
        "input": about.get("input"),
        "seed": about.get("seed"),
        "date": made.get("date"),
        "machine": made.get("machine"),
        "versions": _in_line(made.get("versions") or about.get("versions") or {}),
        "time": _seconds(data),
    }
    yield from ((name, value) for name, value in given.items() if value not in (None, {}, ""))


def _in_line(versions: Mapping[str, str]) -> str:
    return ", ".join(f"{name} {version}" for name, version in versions.items())


def _seconds(data: Data) -> str | None:
    every = [data["about"], *(outcome["about"] for outcome in data["further"].values())]
    known = [about["seconds"] for about in every if about.get("seconds") is not None]
    return f"{sum(known):.1f} s" if known else None


def _further(
    key: str, name: str, outcome: Data, charts: dict[str, Chart], layers_failed: bool
) -> dict[str, Any]:
    """What else was judged: its line, its chart, and what failed of it or all of it."""
    made: dict[str, Any] = {
        "key": key,
        "name": name,
        "passed": outcome["passed"],
        "summary": outcome["summary"],
        "lines": (outcome.get("diagnosis") or {}).get("lines", []),
        "kind": "other",
    }
    if "values" in outcome:
        charts[key] = training_chart(outcome)
        values = [_value(each, layers_failed) for each in outcome["values"]]
        made |= {"kind": "training", "values": values}
    elif "crossed" in outcome:
        charts[key] = trajectory_chart(outcome)
        made |= {"kind": "trajectory"}
    elif "guilty" in outcome:
        guilty = set(outcome["guilty"])
        taps = [_tap(tap, tap["name"] in guilty) for tap in outcome["taps"]]
        made |= {"kind": "layers", "taps": [tap for tap in taps if not tap["passed"]]}
        made["judged"] = len(taps)
    return made


def _value(value: Data, layers_failed: bool) -> dict[str, Any]:
    """Where layers are wrong, what a step computes is wrong because of them."""
    wrong = "follows" if layers_failed else "guilty"
    return {
        "name": value["name"],
        "shape": shape(value["shape"]),
        "state": "same" if value["passed"] else wrong,
        "verdict": value["reason"] or "same",
        "figures": [
            _figure(value, lambda v: v["float64_error"], error),
            _figure(value, lambda v: _largest(v["port_float32_errors"]), error),
            _figure(value, lambda v: v["ratio"], ratio),
        ],
    }


def _largest(errors: Sequence[float | None]) -> float | None:
    return None if not errors or None in errors else max(e for e in errors if e is not None)


def _script_data(
    shown: Sequence[Data], taps: Sequence[Data], charts: Mapping[str, Chart]
) -> dict[str, Any]:
    """What the page's script draws by and by."""
    maps = [
        {
            "name": tap["name"],
            "shape": tap["shape"],
            "guilty": each["guilty"],
            "map": tap.get("error_map"),
            "alone": tap["isolated"],
            "accumulated": tap["accumulated"],
            "other_weights": tap["other_weights"],
        }
        for each, tap in zip(shown, taps, strict=True)
    ]
    return {"taps": maps, "charts": {key: data_of(chart) for key, chart in charts.items()}}
