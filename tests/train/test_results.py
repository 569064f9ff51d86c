"""Figures are what their definitions say, counted the slow way."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from train.data.videos import Video, VideoSet
from train.evaluation import Predictions
from train.folds import summarise, write_summary
from train.pictures import draw_all
from train.results import Results, confusion_matrix, top_k

CLASSES = 6


def results(scores: np.ndarray, labels: np.ndarray) -> Results:
    videos = tuple(Video(Path(f"{i}.avi"), int(label), "") for i, label in enumerate(labels))
    odds = np.exp(scores) / np.exp(scores).sum(1, keepdims=True)
    return Results(Predictions(videos, odds, ()), [f"c{i}" for i in range(CLASSES)], {})


@st.composite
def judged(draw: st.DrawFn) -> Results:
    count = draw(st.integers(1, 12))
    scores = draw(arrays(np.float64, (count, CLASSES), elements=st.integers(-3, 3).map(float)))
    return results(scores, draw(arrays(np.int64, count, elements=st.integers(0, CLASSES - 1))))


@given(judged(), st.integers(1, CLASSES))
def test_top_k_counts_the_classes_ahead_of_the_label(found: Results, k: int) -> None:
    odds, labels = found.predictions.probabilities, found.predictions.labels
    for row, label, hit in zip(odds, labels, top_k(odds, labels, k), strict=True):
        ahead = sum(p > row[label] or (p == row[label] and c < label) for c, p in enumerate(row))
        assert hit == (ahead < k)


@given(judged())
def test_every_figure_follows_from_the_list_of_videos(found: Results) -> None:
    pairs = list(zip(found.predictions.labels.tolist(), found.chosen.tolist(), strict=True))
    for true in range(CLASSES):
        for said in range(CLASSES):
            assert found.confusion[true, said] == pairs.count((true, said))
    assert found.top1 == pytest.approx(np.mean([a == b for a, b in pairs]))
    assert found.top1 <= found.top5 <= 1
    for label, row in enumerate(found.per_class):
        own = [b == label for a, b in pairs if a == label]
        claimed = [a == label for a, b in pairs if b == label]
        assert row["videos"] == len(own)
        assert row["top1"] == (pytest.approx(np.mean(own)) if own else None)
        assert row["precision"] == (pytest.approx(np.mean(claimed)) if claimed else None)
        assert (row["taken_for"] is None) == all(own)
    wrong = found.mistakes()
    assert sorted(wrong) == [i for i, (a, b) in enumerate(pairs) if a != b]
    sure = found.predictions.probabilities.max(1)[wrong]
    assert all(np.diff(sure) <= 0)


def test_the_confusion_matrix_has_true_classes_in_its_rows() -> None:
    matrix = confusion_matrix(np.array([0, 0, 2]), np.array([1, 1, 2]), 3)
    assert matrix.tolist() == [[0, 2, 0], [0, 0, 0], [0, 0, 1]]


def test_what_is_written_can_be_read_again(videos: VideoSet, tmp_path: Path) -> None:
    odds = np.full((len(videos.videos), 3), 0.25)
    odds[:, 1] = 0.5
    found = Results(Predictions(videos.videos, odds, ("x.avi: empty",)), videos.class_names, {})
    (tmp_path / "metrics.jsonl").write_text('{"kind": "test", "step": 1, "epo')  # cut off
    found.write(tmp_path, videos.root)
    draw_all(found, tmp_path / "metrics.jsonl", tmp_path)
    read = json.loads((tmp_path / "results.json").read_text())
    assert read["top1"] == pytest.approx(1 / 3)
    assert read["failed"] == ["x.avi: empty"]
    rows = list(csv.reader((tmp_path / "videos.csv").open()))
    assert len(rows) == 1 + len(videos.videos)
    assert (videos.root / rows[1][0]).exists()
    counts = list(csv.reader((tmp_path / "confusion.csv").open()))
    assert [row[2] for row in counts[1:]] == ["6", "6", "6"]
    for name in ("curves.png", "confusion.png", "mistakes.png"):
        assert (tmp_path / name).read_bytes().startswith(b"\x89PNG")


def test_folds_are_averaged_with_the_deviation_of_a_sample(tmp_path: Path) -> None:
    about = {"split": {"scheme": "groups", "leaks": False}}
    folds = []
    for right in (1, 2, 4):
        labels = np.array([0] * right + [1] * (4 - right))
        found = results(np.eye(CLASSES)[[0] * 4], labels)
        folds.append({**found.to_dict(), **about})
    summary = summarise(folds)
    assert summary["top1"]["mean"] == pytest.approx((0.25 + 0.5 + 1) / 3)
    assert summary["top1"]["deviation"] == pytest.approx(np.std([0.25, 0.5, 1], ddof=1))
    assert np.sum(summary["confusion"]) == 12
    write_summary(tmp_path, summary)
    rows = list(csv.reader((tmp_path / "folds.csv").open()))
    assert [row[0] for row in rows] == ["fold", "0", "1", "2", "mean", "deviation"]
