"""Names that would clear a terminal, close a markup or be no Unicode: shown by every command."""

import csv
import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from port.convert.weights import load_weights, save_weights
from port.text import visible
from tests.hostile import HOSTILE, IN_FILES, harmless
from tests.train.media import RATE
from tests.train.two_colours import colours, write_red_or_blue
from tests.tvn_cli.run import tvn
from tests.tvn_cli.test_terminal import CALLS
from train.annotate import annotate
from train.data.encoding import write_video
from train.data.videos import Video
from train.evaluation import Predictions
from train.pictures import draw_all
from train.predict import Timeline
from train.results import Results
from train.timeline_plot import draw_timeline

NAMES = tuple(HOSTILE.values())


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("video") / "plain.avi"
    write_video(path, colours(20, 20), RATE, "mpeg4")
    return path


@pytest.fixture
def data(video: Path, tmp_path: Path) -> Path:
    """A class folder of each name, with a video of that name and one that is none."""
    for name in IN_FILES.values():
        folder = tmp_path / "data" / name
        folder.mkdir(parents=True)
        shutil.copy(video, folder / f"{name}.avi")
        (folder / f"broken {name}.avi").write_bytes(b"no video")
    return tmp_path / "data"


@pytest.mark.parametrize("name", [*IN_FILES.values(), "x" * 100_000], ids=[*IN_FILES, "endless"])
@pytest.mark.parametrize("verb", CALLS)
def test_a_refusal_shows_it_in_one_harmless_line(
    verb: str, name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    call, *arguments = CALLS[verb].split()
    flags = [argument.replace("absent", name) for argument in arguments]
    if flags == arguments:
        flags = [f"--{name}"]
    done = tvn(capsys, call, *(flag.replace("o.onnx", str(tmp_path / "o")) for flag in flags))
    assert done.status == 2
    assert done.err.count("\n") == 1
    assert len(done.err) < 5_000
    assert harmless(done.out + done.err)


def test_a_data_set_of_them_is_checked_and_cached(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folded = tvn(capsys, "data", "check", data).out
    assert folded.count("UNREADABLE: ") == 10 and "more; --verbose lists them all" in folded
    done = tvn(capsys, "data", "check", data, "--verbose")
    assert (done.status, done.err) == (1, "")
    assert harmless(done.out)
    for name in IN_FILES.values():
        assert f"UNREADABLE: {visible(name)}/broken {visible(name)}.avi" in done.out
    report = tvn(capsys, "data", "check", data, "--json")
    assert report.out.isascii()
    json.loads(report.out)
    cached = tvn(capsys, "data", "prepare", data, f"--output={tmp_path / 'cache'}")
    assert harmless(cached.out + cached.err)
    assert sorted(p.name for p in (tmp_path / "cache").glob("*/*.avi")) == sorted(
        f"{name}.avi" for name in IN_FILES.values()
    )


def test_they_are_predicted(
    video: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    loaded = load_weights(write_red_or_blue(tmp_path / "plain.safetensors"))
    weights = tmp_path / "w.safetensors"
    for name, other in zip(NAMES, reversed(NAMES), strict=True):
        about = {"class_names": [name, f"{other}, another"]}
        save_weights(weights, loaded.genotype, loaded.state_dict, about)
        plot = tmp_path / "t.svg"
        done = tvn(
            capsys, "predict", f"--weights={weights}", video, f"--timeline={plot}", "--clips=1"
        )
        assert (done.status, done.err) == (0, ""), name
        assert harmless(done.out), name
        assert plot.stat().st_size < 1 << 20
        odds = tvn(capsys, "predict", f"--weights={weights}", video, "--json", "--clips=1")
        assert odds.out.isascii()
        assert name in [row["class"] for row in json.loads(odds.out)["top"]]


def test_videos_of_those_names_are_predicted(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    weights = write_red_or_blue(tmp_path / "w.safetensors")
    videos = sorted(data.glob("*/*.avi"))
    done = tvn(capsys, "predict", f"--weights={weights}", *videos, "--clips=1")
    assert done.status == 2
    assert done.err.count("\n") == len(videos) / 2
    assert harmless(done.out + done.err)


def test_tensors_of_those_names_are_listed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    names = [name for what, name in IN_FILES.items() if what != "no UTF-8"]
    np.savez(tmp_path / "w.npz", **{name: np.zeros(2, np.float32) for name in names})
    done = tvn(capsys, "inspect", tmp_path / "w.npz")
    assert (done.status, done.err) == (0, "")
    assert harmless(done.out)
    for name in names:
        assert visible(name) in done.out
    assert tvn(capsys, "inspect", tmp_path / "w.npz", "--json").out.isascii()


def test_a_tests_tables_and_pictures_show_them(tmp_path: Path) -> None:
    count = len(NAMES)
    videos = [Video(tmp_path / f"{n[:20]}.avi".replace("\0", "").replace("/", ""), i, "")
              for i, n in enumerate(NAMES)]  # fmt: skip
    odds = np.roll(np.eye(count), 1, axis=1)
    results = Results(Predictions(videos, odds, ()), NAMES, {"run": "r"})
    results.write(tmp_path, tmp_path)
    (tmp_path / "metrics.jsonl").touch()
    draw_all(results, tmp_path / "metrics.jsonl", tmp_path)
    for table in tmp_path.glob("*.csv"):
        assert harmless(table.read_text(encoding="utf-8"))
    with (tmp_path / "classes.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["class"] for row in rows] == [visible(name) for name in NAMES]
    about = json.loads((tmp_path / "results.json").read_text(encoding="utf-8"))
    assert tuple(about["class_names"]) == NAMES
    course = Timeline(NAMES, np.arange(2.0), np.arange(2.0) + 1, odds[:2])
    draw_timeline(course, HOSTILE["TeX that does not end"], tmp_path / "t.svg")
    for name in NAMES:
        annotate(np.zeros((32, 32, 3), np.uint8), [(name, 0.5)])
