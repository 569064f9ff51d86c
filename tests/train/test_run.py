"""A run's own files, when somebody or something has changed them."""

import json
import math
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from port.errors import InputError
from tests.train.test_checkpoint import places
from tests.train.tiny import ALONE, engine, tiny_config
from train import testing
from train.data.videos import VideoSet
from train.logs import read_metrics
from train.pictures import curves
from train.record_form import FORM
from train.run import Run

VALUES: list[Any] = [None, "text", 10**30, -1, 0.5, True, [], {}, [1], {"a": 1}, "\x1b[2J"]


@pytest.fixture(scope="module")
def run(videos: VideoSet, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One that is through."""
    folder = tmp_path_factory.mktemp("run")
    assert engine(tiny_config(folder, epochs=1), videos, folder).train()
    return folder


@given(data=st.data())
@settings(max_examples=30)
def test_an_entry_that_is_wrong_is_named_or_harmless(
    run: Path, videos: VideoSet, tmp_path: Path, data: st.DataObject
) -> None:
    path = run / "record.json"
    whole = path.read_text()
    record = json.loads(whole)
    container, key = data.draw(st.sampled_from(list(places(record))))
    if data.draw(st.booleans()):
        del container[key]
    else:
        container[key] = data.draw(st.sampled_from(VALUES))
    path.write_text(json.dumps(record))
    try:
        opened = Run.open(run)
        # Whoever uses it, gets on with it, or is told.
        engine(opened.config, videos, run)
        testing.test_run(opened, "last", videos, ALONE, tmp_path)
    except InputError as error:
        assert "\n" not in str(error)
        assert "\x1b" not in str(error)
    finally:
        path.write_text(whole)


@pytest.mark.parametrize("name", FORM)
def test_what_is_missing_is_named(run: Path, name: str, tmp_path: Path) -> None:
    for file in ("config.json", "record.json"):
        (tmp_path / file).write_text((run / file).read_text())
    record = json.loads((tmp_path / "record.json").read_text())
    del record[name]
    (tmp_path / "record.json").write_text(json.dumps(record))
    with pytest.raises(InputError, match=rf"record\.json: damaged: record: missing {name}"):
        Run.open(tmp_path)


def test_lines_of_metrics_that_are_damaged_are_left_out_of_the_curves(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    sound = {"kind": "test", "step": 1, "epoch": 1.0, "loss": 0.5, "top1": 1.0, "top5": 1.0}
    lines: list[Any] = [3, None, [], {}, {"kind": []}, {"kind": "train"}, sound | {"epoch": "x"}]
    lines += [sound | {"top1": None}, sound | {"loss": math.nan}, sound]
    path.write_text("".join(f"{json.dumps(line)}\n" for line in lines) + '{"kind": "te')
    assert read_metrics(path) == [sound]
    curves(read_metrics(path))
