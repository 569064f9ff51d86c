"""`tvn predict`: a table or a JSON line a video; files that cannot be decoded are named."""

import json
from pathlib import Path

import pytest

from port.convert.weights import load_weights
from tests.train.broken import write_hopeless
from tests.train.media import RATE, all_frames
from tests.train.two_colours import colours, write_red_or_blue
from tests.tvn_cli.run import tvn
from train.config import Config
from train.data.encoding import write_video
from train.data.splits import Split
from train.data.videos import VideoSet
from train.run import Run


@pytest.fixture(scope="module")
def red(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A video that is red, and blue for its last quarter."""
    path = tmp_path_factory.mktemp("red") / "[red] été.avi"
    write_video(path, colours(45, 15), RATE, "mpeg4")
    return path


@pytest.fixture(scope="module")
def red_or_blue(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_red_or_blue(tmp_path_factory.mktemp("weights") / "w.safetensors")


@pytest.fixture(scope="module")
def run(red_or_blue: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a run that gave these weights has written."""
    loaded, folder = load_weights(red_or_blue), tmp_path_factory.mktemp("run")
    videos = VideoSet(folder, "csv", tuple(loaded.about["class_names"]), ())
    net, split = loaded.build(), Split((), (), "groups", 0, False, "")
    run = Run.new(
        folder, Config(), videos, split, net, {"weights": None, "verification": {"verified": True}}
    )
    run.write()
    run.save_weights("last", net, {})
    return folder


def test_a_run_names_the_likeliest_classes(
    run: Path, red: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    done = tvn(capsys, "predict", f"--run={run}", red)
    assert done.status == 0
    video, _, first, second = done.out.splitlines()
    assert video == str(red)
    assert first.startswith("red $x$")
    assert second.startswith("blau – é")


def test_every_video_has_its_json_line_and_a_broken_one_is_named(
    red_or_blue: Path,
    red: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    broken = write_hopeless(tmp_path)[0]
    done = tvn(capsys, "predict", f"--weights={red_or_blue}", "--json", red, broken, red)
    assert done.status == 2
    lines = [json.loads(line) for line in done.out.splitlines()]
    assert [line["video"] for line in lines] == [str(red)] * 2
    assert [row["class"] for row in lines[0]["top"]] == ["red $x$", "blau – é"]
    assert sum(row["probability"] for row in lines[0]["top"]) == pytest.approx(1)
    assert done.err.count("\n") == 1
    assert str(broken) in done.err


def test_a_timeline_is_told_plotted_and_written_into_a_copy(
    run: Path, red: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    outputs = (f"--timeline={tmp_path / 't.svg'}", f"--annotate={tmp_path / 'copy.mp4'}")
    done = tvn(capsys, "predict", f"--run={run}", "--json", "--step=2", *outputs, red)
    assert done.status == 0
    course = json.loads(done.out)["timeline"]
    assert [part["class"] for part in course] == ["red $x$", "blau – é"]
    assert course[1]["start"] == pytest.approx(45 / RATE, abs=0.25)
    assert "<svg" in (tmp_path / "t.svg").read_text()
    assert len(all_frames(tmp_path / "copy.mp4")) == 60
    table = tvn(capsys, "predict", f"--run={run}", outputs[0], red).out
    assert "0.00 to" in table
    assert "windows plotted" in table


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ((), "takes videos"),
        (("a.avi",), "--run or --weights"),
        (("--run=r", "--weights=w", "a.avi"), "--run or --weights"),
        (("--run=absent", "a.avi"), "absent"),
        (("--run=RUN", "absent.avi"), "absent.avi: no such file"),
        (("--run=RUN", "--which=best", "a.avi"), "best.safetensors"),
        (("--run=RUN", "--timeline=t.txt", "a.avi"), "t.txt"),
        (("--run=RUN", "--annotate=t.gif", "a.avi"), "t.gif"),
        (("--run=RUN", "--timeline=t.svg", "a.avi", "b.avi"), "one video"),
        (("--run=RUN", "--timeline=/absent/t.svg", "RED"), "/absent/t.svg"),
        (("--run=RUN", "--annotate=/absent/t.mp4", "RED"), "/absent/t.mp4"),
    ],
)
def test_a_bad_request_is_refused_in_one_line(
    arguments: tuple[str, ...],
    told: str,
    run: Path,
    red: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    given = [a.replace("RUN", str(run)).replace("RED", str(red)) for a in arguments]
    done = tvn(capsys, "predict", *given)
    assert done.status == 2
    assert told in done.err
    assert len(done.err.splitlines()) == 1


def test_it_explains_itself(capsys: pytest.CaptureFixture[str]) -> None:
    done = tvn(capsys, "predict", "--help")
    assert done.status == 0
    assert "tvn predict" in done.out
