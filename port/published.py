"""The published nets, counted, beside what the paper says (arXiv 1910.06961, its tables)."""

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from port.cost import count
from port.genotype import Genotype, list_models

PAPER = Path(__file__).parent / "paper_tables.csv"
# The paper's tables and the published definitions go by these names.
PAPER_NAMES = {f"tvn{number}": f"TVN-{number}" for number in range(1, 7)}
# Float operations in billions may differ by this share before they are said to disagree: the
# count here leaves out what is neither convolution nor classifier.
TOLERANCE = 0.05


def describe_models(num_classes: int = 50) -> list[dict[str, Any]]:
    """Each published net's input, parameters and multiply-adds, and the paper's figures.

    Args:
        num_classes: outputs of the classifier.
    """
    return [_row(name, num_classes) for name in list_models()]


def _row(name: str, num_classes: int) -> dict[str, Any]:
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


def list_disagreements(rows: Sequence[dict[str, Any]]) -> list[str]:
    """Where the count and the paper disagree; `rows` are those of `describe_models`."""
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
