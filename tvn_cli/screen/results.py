"""The terminal's view of a test: figures, what they rest on, and how classes are confused."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from train.folds import FIGURES
from train.results import Results
from tvn_cli.screen.say import say
from tvn_cli.screen.table import add_row, show, table

FEW = 12  # classes whose confusion matrix fits a terminal


def show_results(results: Results, run: Path) -> None:
    """Print a test's figures, and what has to be known to believe them."""
    about = results.about
    say(f"{run}: top-1 {results.top1:.2%}, top-5 {results.top5:.2%}, mean over classes "
          f"{results.mean_class_top1:.2%}; {len(results.chosen)} videos, {about['clips']} clips x "
          f"{about['crops']} crops each")  # fmt: skip
    say(f"split: {about['split']['description']}")
    verification = about["origin"]["verification"]
    if not verification["verified"]:
        say(f"not verified: {verification['reason']}")
    if about["selected_on_test"]:
        say("these weights were chosen by the test itself, which flatters them")
    if failed := results.predictions.failed:
        say(f"{len(failed)} test videos could not be decoded: {'; '.join(failed)}")
    if len(results.class_names) <= FEW:
        _print_confusion(results)


def _print_confusion(results: Results) -> None:
    numbers = range(len(results.class_names))
    shown = table("true class", "", *map(str, numbers), title="confusion matrix")
    for number, name, row in zip(numbers, results.class_names, results.confusion, strict=True):
        add_row(shown, name, number, *(count or "·" for count in row))
    show(shown)


def show_folds(folder: Path, summary: Mapping[str, Any]) -> None:
    """Print what the folds come to together."""
    leak = "; the split leaks" if summary["leaks"] else ""
    say(f"{folder}: mean and standard deviation over {summary['folds']} folds{leak}")
    for name in FIGURES:
        say(f"  {name:<16} {summary[name]['mean']:.4f} ± {summary[name]['deviation']:.4f}")
