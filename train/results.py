"""How good predictions are, in numbers; plain numpy. Written as JSON and CSV."""

import csv
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from port.atomic import write_text
from port.text import visible
from train.evaluation import Predictions

SCHEMA = "tvn-results/1"
SMALLEST = 1e-12  # a probability; keeps the logarithm finite


def top_k(probabilities: np.ndarray, labels: np.ndarray, k: int) -> np.ndarray:
    """Whether the label is among the `k` likeliest, `[videos]` bool.

    Of equally likely classes the first counts as the likelier one.
    """
    best = np.argsort(-probabilities, axis=1, kind="stable")[:, :k]
    return (best == labels[:, None]).any(axis=1)


def confusion_matrix(labels: np.ndarray, chosen: np.ndarray, classes: int) -> np.ndarray:
    """`[classes, classes]` counts: rows are true classes, columns what was said."""
    matrix = np.zeros((classes, classes), np.int64)
    np.add.at(matrix, (labels, chosen), 1)
    return matrix


@dataclass(frozen=True)
class Results:
    """Predictions judged.

    Attributes:
        predictions: for whole videos.
        class_names: by label.
        about: what else to write: run, weights, split, clips, crops.
    """

    predictions: Predictions
    class_names: Sequence[str]
    about: Mapping[str, Any]

    @property
    def top1(self) -> float:
        """Share of videos whose class is the likeliest."""
        return self._top(1)

    @property
    def top5(self) -> float:
        """Share of videos whose class is among the five likeliest."""
        return self._top(5)

    @cached_property
    def chosen(self) -> np.ndarray:
        """The likeliest class of each video, `[videos]`."""
        return np.argmax(self.predictions.probabilities, axis=1)

    @cached_property
    def confusion(self) -> np.ndarray:
        """See `confusion_matrix`."""
        return confusion_matrix(self.predictions.labels, self.chosen, len(self.class_names))

    @property
    def loss(self) -> float:
        """Mean cross-entropy of the averaged probabilities."""
        own = self.predictions.probabilities[np.arange(len(self.chosen)), self.predictions.labels]
        return float(-np.log(np.maximum(own, SMALLEST)).mean())

    @property
    def per_class(self) -> list[dict[str, Any]]:
        """For each class its videos, top-1 (recall), precision, and what it is most taken for.

        None stands for the share of nothing: no video of the class, or never said.
        """
        rows = []
        for label, name in enumerate(self.class_names):
            right, true = self.confusion[label, label], self.confusion[label].sum()
            said = self.confusion[:, label].sum()
            wrong = np.where(np.arange(len(self.class_names)) == label, 0, self.confusion[label])
            rows.append(
                {
                    "class": name,
                    "videos": int(true),
                    "top1": float(right / true) if true else None,
                    "precision": float(right / said) if said else None,
                    "taken_for": self.class_names[int(wrong.argmax())] if wrong.any() else None,
                }
            )
        return rows

    @property
    def mean_class_top1(self) -> float:
        """Mean over the classes that have test videos."""
        return float(np.mean([r["top1"] for r in self.per_class if r["top1"] is not None]))

    def mistakes(self) -> list[int]:
        """Indices of the videos that were taken for another class, the surest first."""
        wrong = np.flatnonzero(self.chosen != self.predictions.labels)
        sure = self.predictions.probabilities[wrong, self.chosen[wrong]]
        return [int(i) for i in wrong[np.argsort(-sure, kind="stable")]]

    def summary(self) -> dict[str, float]:
        """The figures that a line holds."""
        return {"top1": self.top1, "top5": self.top5, "loss": self.loss}

    def to_dict(self) -> dict[str, Any]:
        """Everything but single videos, for JSON."""
        return {
            "schema": SCHEMA,
            **self.about,
            "videos": len(self.chosen),
            **self.summary(),
            "mean_class_top1": self.mean_class_top1,
            "per_class": self.per_class,
            "class_names": list(self.class_names),
            "confusion": self.confusion.tolist(),
            "failed": list(self.predictions.failed),
        }

    def write(self, folder: Path, root: Path) -> None:
        """`results.json`, `classes.csv`, `confusion.csv` and `videos.csv`.

        Args:
            folder: must exist.
            root: of the data set; videos are named relative to it.

        Raises:
            InputError: it cannot be written.
        """
        write_text(folder / "results.json", json.dumps(self.to_dict(), indent=1))
        classes = self.per_class
        write_text(folder / "classes.csv", _csv([list(classes[0]), *(r.values() for r in classes)]))
        counts = zip(self.class_names, self.confusion.tolist(), strict=True)
        table = [["true class \\ said", *self.class_names], *([name, *row] for name, row in counts)]
        write_text(folder / "confusion.csv", _csv(table))
        write_text(folder / "videos.csv", _csv(self._video_rows(root)))

    def _video_rows(self, root: Path) -> list[list[Any]]:
        rows: list[list[Any]] = [["video", "class", "said", "probability", "of_own_class"]]
        for index, video in enumerate(self.predictions.videos):
            odds, said = self.predictions.probabilities[index], self.chosen[index]
            path = video.path.relative_to(root) if video.path.is_relative_to(root) else video.path
            rows.append([path, self.class_names[video.label], self.class_names[said],
                         f"{odds[said]:.6f}", f"{odds[video.label]:.6f}"])  # fmt: skip
        return rows

    def _top(self, k: int) -> float:
        return float(top_k(self.predictions.probabilities, self.predictions.labels, k).mean())


def _csv(rows: Sequence[Any]) -> str:
    text = io.StringIO(newline="")
    table = csv.writer(text, lineterminator="\n")
    for row in rows:
        table.writerow([visible(cell) if isinstance(cell, str | Path) else cell for cell in row])
    return text.getvalue()
