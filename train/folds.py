"""Several folds as one result: mean and standard deviation."""

import csv
import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from port.atomic import write_text
from port.errors import InputError
from port.untrusted import read_json
from train.results import SCHEMA

FIGURES = ("top1", "top5", "mean_class_top1", "loss")


def fold_folder(folder: Path, fold: int) -> Path:
    """The run of one fold."""
    return folder / f"fold-{fold}"


def read_results(path: Path) -> dict[str, Any]:
    """A `results.json`.

    Raises:
        InputError: there is none.
    """
    try:
        data: dict[str, Any] = read_json(path, "a file of results")
        if data["schema"] != SCHEMA:
            raise InputError(f"{path}: results of another version of the project")
    except InputError as error:
        raise InputError(f"{error}; test that fold first") from None
    except (KeyError, TypeError):
        raise InputError(f"{path}: no results of a test; test that fold first") from None
    return data


def summarise(results: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Mean and standard deviation over folds (of a sample: divided by folds - 1).

    Args:
        results: what `results.json` of each fold holds.
    """
    summary: dict[str, Any] = {
        "schema": "tvn-folds/1",
        "folds": len(results),
        "scheme": results[0]["split"]["scheme"],
        "leaks": any(result["split"]["leaks"] for result in results),
    }
    for name in FIGURES:
        values = np.array([result[name] for result in results])
        spread = float(values.std(ddof=1)) if len(values) > 1 else 0.0
        summary[name] = {
            "mean": float(values.mean()),
            "deviation": spread,
            "folds": values.tolist(),
        }
    summary["confusion"] = np.sum([result["confusion"] for result in results], axis=0).tolist()
    summary["class_names"] = results[0]["class_names"]
    return summary


def write_summary(folder: Path, summary: dict[str, Any]) -> None:
    """`folds.json` and `folds.csv`; raises InputError where they cannot be written."""
    write_text(folder / "folds.json", json.dumps(summary, indent=1))
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["fold", *FIGURES])
    for fold in range(summary["folds"]):
        writer.writerow([fold, *(summary[name]["folds"][fold] for name in FIGURES)])
    for row in ("mean", "deviation"):
        writer.writerow([row, *(summary[name][row] for name in FIGURES)])
    write_text(folder / "folds.csv", text.getvalue())


def conclude(folder: Path, runs: Sequence[Path], which: str) -> dict[str, Any]:
    """Put the folds' tests together, and write the outcome into their folder.

    Args:
        folder: of all folds.
        runs: of each.
        which: of a run's weights, `last` or `best`.
    """
    summary = summarise([read_results(run / f"test-{which}" / "results.json") for run in runs])
    write_summary(folder, summary)
    return summary
