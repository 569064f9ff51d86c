"""`tvn models`: the published nets, counted, beside what the paper says."""

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from absl import flags

from tvn_cli.main import no_arguments
from tvn_cli.screen.say import say, say_json

USAGE = "tvn models [--json]"
PAPER = Path(__file__).parent / "paper_tables.csv"
# The paper's tables and the published definitions go by these names.
PAPER_NAMES = {f"tvn{number}": f"TVN-{number}" for number in range(1, 7)}
# Float operations in billions may differ by this share before they are said to disagree: the
# count here leaves out what is neither convolution nor classifier.
TOLERANCE = 0.05


def define(values: flags.FlagValues) -> None:
    """Declare the flags."""
    flags.DEFINE_bool("json", False, "print JSON", flag_values=values)
    flags.DEFINE_integer("num_classes", 50, "outputs of the classifier", flag_values=values)


def main(values: flags.FlagValues, arguments: Sequence[str]) -> int:
    """Print the table."""
    no_arguments(arguments)
    rows = [_row(name, values.num_classes) for name in _names()]
    if values.json:
        say_json({"models": rows, "notes": _notes(rows)}, 1)
    else:
        _print(rows)
    return 0


def _names() -> list[str]:
    from port.genotype import list_models

    return list_models()


def _row(name: str, num_classes: int) -> dict[str, Any]:
    from port.cost import count
    from port.genotype import Genotype

    genotype = Genotype.load(name)
    cost = count(genotype, num_classes)
    return {
        "name": name,
        "frames": genotype.clip.num_frames,
        "frame_stride": genotype.clip.frame_stride,
        "image_size": genotype.clip.image_size,
        "parameters": cost.parameters,
        "multiply_adds": cost.multiply_adds,
        "paper": _paper().get(PAPER_NAMES.get(name, "")),
    }


def _paper() -> dict[str, dict[str, str]]:
    with PAPER.open(newline="", encoding="utf-8") as file:
        return {row["model"]: row for row in csv.DictReader(file)}


def _gflops(row: dict[str, Any]) -> float:
    return float(2 * row["multiply_adds"] / 1e9)


def _agree(row: dict[str, Any], paper: dict[str, str]) -> bool:
    stated = float(paper["gflops"])
    return abs(_gflops(row) - stated) <= TOLERANCE * stated


def _notes(rows: Sequence[dict[str, Any]]) -> list[str]:
    """Where the count and the paper disagree."""
    notes = []
    for row in rows:
        if row["paper"] is None:
            notes.append(f"{row['name']}: not in the paper's tables")
        elif not _agree(row, row["paper"]):
            notes.append(
                f"{row['name']}: the paper says {row['paper']['gflops']} GFLOPs, the published "
                f"definition comes to {_gflops(row):.1f} (twice its multiply-adds)"
            )
    with PAPER.open(newline="", encoding="utf-8") as file:
        stated_by = [
            (r["model"], float(r["gflops"])) for r in csv.DictReader(file) if r["table"] == "tvn"
        ]
    shifted = [
        f"{row['name']} like {model}"
        for row in rows
        for model, stated in stated_by
        if model != PAPER_NAMES.get(row["name"])
        and abs(2 * row["multiply_adds"] / 1e9 - stated) <= TOLERANCE * stated
    ]
    if shifted:
        notes.append(
            f"the paper's GFLOPs fit the definitions one row down ({', '.join(shifted)}); "
            "neither was changed here"
        )
    return notes


def _print(rows: Sequence[dict[str, Any]]) -> None:
    from tvn_cli.screen.table import add_row, show, table

    headings = ("\nnet", "frames,\nstride", "\nsize", "\nparameters", "multiply-\nadds")
    of_the_paper = ("paper:\nGFLOPs", "CPU\nms", "GPU\nms", "MiT\ntop-1 %", "Charades\nmAP %")
    shown = table(*headings, *of_the_paper)
    fields = ("gflops", "runtime_cpu_ms", "runtime_gpu_ms", "mit_top1_percent")
    for row in rows:
        paper = row["paper"] or {}
        add_row(
            shown,
            row["name"],
            f"{row['frames']}, {row['frame_stride']}",
            row["image_size"],
            f"{row['parameters']:,}",
            f"{row['multiply_adds'] / 1e9:.1f} G",
            *(paper.get(key) or "–" for key in (*fields, "charades_map_scratch")),
        )
    show(shown)
    say(*(f"- {note}" for note in _notes(rows)))
