"""A checkpoint is checked as a whole before anything of it is used; what is damaged is named."""

import io
import math
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from port.errors import InputError
from tests.train.tiny import assert_same_bits, engine, stop_after, tiny_config
from train.checkpoint import (
    FORMAT,
    last_checkpoint,
    load,
    newest_checkpoint,
    previous_checkpoint,
    save,
    sealed,
)
from train.data.videos import VideoSet
from train.engine import Engine
from train.position import Position

FILE = "last.pt"
KINDS = {
    "sgd": {},
    "adamw": {"optimizer": "adamw", "average": 0.0},
    "fp16": {"precision": "fp16"},
}


@pytest.fixture(scope="module", params=KINDS)
def stopped(
    request: pytest.FixtureRequest, videos: VideoSet, tmp_path_factory: pytest.TempPathFactory
) -> Engine:
    """What goes on with a run of four steps."""
    folder = tmp_path_factory.mktemp(request.param)
    config = tiny_config(folder, **KINDS[request.param])
    run = folder / "run"
    assert not engine(config, videos, run, stopping=stop_after(5)).train()
    assert load(last_checkpoint(run))["position"]["step"] > 2
    shutil.copy(last_checkpoint(run), previous_checkpoint(run))
    return engine(config, videos, run)


def unpacked(engine: Engine) -> dict[str, Any]:
    """What its previous checkpoint holds, which tests leave as it is."""
    return load(previous_checkpoint(engine.run.folder))


def everything(engine: Engine) -> bytes:
    """All that a checkpoint could change."""
    buffer = io.BytesIO()
    torch.save([vars(engine.position), engine.trainer.state_dict()], buffer)
    return buffer.getvalue()


def refusal(engine: Engine) -> str:
    """What is said of its last checkpoint, of which nothing may be used."""
    before = everything(engine)
    with pytest.raises(InputError) as told:
        engine.go_on()
    assert everything(engine) == before
    message = str(told.value)
    assert message.startswith(str(last_checkpoint(engine.run.folder)))
    assert "--resume=previous goes on" in message
    assert "\n" not in message
    assert len(message) < 1000
    return message


def places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Every entry of every container, as container and key."""
    if isinstance(value, dict | list):
        keys = list(value) if isinstance(value, dict) else range(len(value))
        for key in keys:
            yield value, key
            yield from places(value[key])


def other_tensors(tensor: Tensor) -> list[Any]:
    """Tensors that are not what this one was."""
    wrong = [tensor[None], tensor.new_zeros(0), tensor.to(torch.float64), tensor.bool()]
    wrong += [tensor.to_sparse(), torch.nn.Parameter(tensor.float()), tensor.to("meta")]
    if tensor.ndim:
        wrong += [tensor[..., :-1], tensor.new_zeros(1).expand(10**9)]
    if tensor.is_floating_point():
        for value in (math.nan, math.inf, -math.inf):
            wrong.append(tensor.clone().view(-1).index_fill_(0, torch.tensor([0]), value)
                         .view_as(tensor))  # fmt: skip
    return wrong


def other_values(value: Any) -> list[Any]:
    """What an entry must not be instead."""
    wrong = [None, "text", 10**30, -(10**30), math.nan, [value], {"a": value}]
    wrong += [torch.zeros(2, 3), torch.zeros((), dtype=torch.complex64)]
    if isinstance(value, Tensor):
        return other_tensors(value) + wrong
    return [each for each in wrong if type(each) is not type(value) or isinstance(value, int)]


@given(data=st.data())
@settings(max_examples=80)
def test_one_entry_that_is_wrong_is_named(stopped: Engine, data: st.DataObject) -> None:
    state = unpacked(stopped)
    container, key = data.draw(st.sampled_from(list(places(state))))
    kind = data.draw(st.sampled_from(["removed", "added", "changed"]))
    if kind == "removed":
        del container[key]
    elif kind == "added" and isinstance(container, dict):
        container["more\x1b[2J"] = torch.zeros(1)
        if container is state:
            return  # what is beside position and trainer, is not looked at
    else:
        container[key] = data.draw(st.sampled_from(other_values(container[key])))
    write(stopped, state)
    message = refusal(stopped)
    assert "\x1b" not in message
    if container is not state:
        assert str(key).rpartition(".")[2][:20] in message or kind != "changed"


def write(engine: Engine, state: Any) -> None:
    """Put a sealed checkpoint of that content in the last one's place."""
    buffer = io.BytesIO()
    torch.save(state, buffer)
    last_checkpoint(engine.run.folder).write_bytes(sealed(buffer.getvalue()))


@given(data=st.data())
@settings(max_examples=80)
def test_a_changed_byte_is_noticed(stopped: Engine, data: st.DataObject) -> None:
    path = last_checkpoint(stopped.run.folder)
    whole = previous_checkpoint(stopped.run.folder).read_bytes()
    at = data.draw(st.one_of(st.integers(0, len(whole) - 1), st.integers(-100, -1)))
    at %= len(whole)
    cut = data.draw(st.sampled_from(["flipped", "cut", "gone", "twice"]))
    if cut == "flipped":
        flipped = whole[at] ^ (1 << data.draw(st.integers(0, 7)))
        path.write_bytes(whole[:at] + bytes([flipped]) + whole[at + 1 :])
    else:
        rest = {"cut": b"", "gone": whole[at + 1 :], "twice": whole[at:]}[cut]
        path.write_bytes(whole[: at + (cut == "twice")] + rest)
    assert "digest" in refusal(stopped)


@given(st.binary(max_size=300), st.booleans())
@settings(max_examples=30)
def test_what_is_no_archive_is_no_checkpoint(stopped: Engine, content: bytes, zip: bool) -> None:
    front = b"PK\x03\x04" if zip else b""
    last_checkpoint(stopped.run.folder).write_bytes(sealed(front + content + b"\0\0"))
    assert "no readable checkpoint" in refusal(stopped)


@pytest.mark.parametrize(
    "change",
    [{"step": 10**30}, {"step": -1}, {"tested": 3, "step": 10}, {"epochs": 10**30}, {"best": 2.0},
     {"epochs": 2}, {"epochs": 4}, {"epochs": 10, "fitted": True}, {"tested": 1}, {"lines": 99},
     {"losses": 9}, {"losses": -1}, {"seconds": -1.0}, {"failed": [1]}, {"failed": "abc"}],
)  # fmt: skip
def test_where_a_run_cannot_stand_is_told(change: dict[str, Any], tmp_path: Path) -> None:
    config = tiny_config(tmp_path, epochs=3)
    standing = vars(Position(3, 5, losses=1, lines=2))
    assert Position.restored(standing, config, 6) == Position(**standing)
    with pytest.raises(InputError, match=rf"position\.{next(iter(change))}"):
        Position.restored(standing | change, config, 6)


@pytest.mark.parametrize(
    ("entry", "value"),
    [("average/n_averaged", -10), ("average/n_averaged", 2**60), ("scaler/scale", 0.0),
     ("scaler/_growth_tracker", 10**30), ("optimizer/param_groups/0/scale", 7.0),
     ("optimizer/param_groups/0/weight_decay", 0.3), ("optimizer/state/0/step", -1.0),
     ("optimizer/state/0/exp_avg_sq", -1.0), ("optimizer/state/0/step", 1e30)],
)  # fmt: skip
def test_what_would_break_a_later_step_is_refused_now(
    stopped: Engine, entry: str, value: float
) -> None:
    state = unpacked(stopped)
    container, names = state["trainer"], entry.split("/")
    for name in names[:-1]:
        container = container.get(int(name)) if name.isdigit() and isinstance(
            container, dict) else container[int(name) if name.isdigit() else name]  # fmt: skip
        if container is None:
            return  # the run keeps no average
    if names[-1] not in container:
        return  # another optimizer's, or no scale
    old = container[names[-1]]
    container[names[-1]] = torch.full_like(old, value) if isinstance(old, Tensor) else value
    write(stopped, state)
    assert names[-1] in refusal(stopped)


def test_an_earlier_version_s_checkpoint_is_refused(stopped: Engine) -> None:
    state = unpacked(stopped)
    torch.save(state, last_checkpoint(stopped.run.folder))
    assert "written by an earlier version" in refusal(stopped)
    write(stopped, state | {"format": "tvn-checkpoint/1"})
    assert "not a checkpoint of this version" in refusal(stopped)


def test_loading_prints_nothing(
    stopped: Engine, capfd: pytest.CaptureFixture[str], recwarn: pytest.WarningsRecorder
) -> None:
    for content in (unpacked(stopped), {"format": FORMAT, "a": torch.nn.Linear(1, 1)}, 3):
        write(stopped, content)
        try:
            stopped.go_on()
        except InputError:
            continue
    assert capfd.readouterr() == ("", "")
    assert not recwarn.list


def test_a_checkpoint_that_is_no_file_is_refused_and_not_waited_for(stopped: Engine) -> None:
    path = last_checkpoint(stopped.run.folder)
    path.unlink(missing_ok=True)
    os.mkfifo(path)
    assert "a pipe" in refusal(stopped)
    path.unlink()
    with path.open("wb") as file:
        file.truncate(100 * 2**30)
    assert "at most" in refusal(stopped)


def test_resumed_from_the_previous_one_it_ends_with_the_same_bits(
    videos: VideoSet, tmp_path: Path
) -> None:
    config, whole = tiny_config(tmp_path, save_minutes=0.0), tmp_path / "whole"
    assert engine(config, videos, whole).train()
    broken, wish = tmp_path / "broken", stop_after(5)

    def break_off() -> bool:
        if wish():
            raise KeyboardInterrupt
        return False

    with pytest.raises(KeyboardInterrupt):
        engine(config, videos, broken, stopping=break_off).train()
    last, previous = last_checkpoint(broken), previous_checkpoint(broken)
    steps = [load(path)["position"]["step"] for path in (previous, last)]
    assert steps[0] < steps[1]
    last.write_bytes(last.read_bytes()[:-1])
    with pytest.raises(InputError, match=r"last\.pt: .*digest.*--resume=previous"):
        engine(config, videos, broken)
    going_on = engine(config, videos, broken, resume="previous")
    assert going_on.position.step == steps[0]
    assert not last.exists()
    assert newest_checkpoint(broken) == previous
    assert going_on.train()
    assert_same_bits(broken, whole)


def test_where_the_last_one_is_sound_previous_changes_nothing(
    videos: VideoSet, tmp_path: Path
) -> None:
    config, run = tiny_config(tmp_path), tmp_path / "run"
    assert not engine(config, videos, run, stopping=stop_after(4)).train()
    going_on = engine(config, videos, run, resume="previous")
    assert going_on.position.step == load(last_checkpoint(run))["position"]["step"]
    assert last_checkpoint(run).exists()


def test_killed_between_two_names_it_goes_on_from_the_one_that_is_there(
    videos: VideoSet, tmp_path: Path
) -> None:
    config, run = tiny_config(tmp_path), tmp_path / "run"
    assert not engine(config, videos, run, stopping=stop_after(4)).train()
    step = load(last_checkpoint(run))["position"]["step"]
    last_checkpoint(run).replace(previous_checkpoint(run))
    assert engine(config, videos, run).position.step == step
    previous_checkpoint(run).write_bytes(b"")
    with pytest.raises(InputError, match=r"previous\.pt: .* there is no checkpoint before it"):
        engine(config, videos, run)


def test_what_is_saved_can_be_read_by_pytorch_alone(tmp_path: Path) -> None:
    save(tmp_path, {"a": torch.arange(3)})
    assert torch.load(last_checkpoint(tmp_path), weights_only=True)["a"].tolist() == [0, 1, 2]
