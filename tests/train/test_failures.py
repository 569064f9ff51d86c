"""Whatever breaks in a run: one line that says so, and the last good checkpoint intact."""

import json
import multiprocessing
import os
import resource
import shutil
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from port.errors import InputError
from tests.train.processes import FORK, finish, together
from tests.train.tiny import ALONE, engine, state, stop_after, tiny_config
from train.checkpoint import clear_leftovers, last_checkpoint, load, save
from train.config import Config
from train.data.decoding import read_frames
from train.data.videos import VideoSet, read_videos
from train.distributed import World
from train.evaluation import predict_videos
from train.failures import explained
from train.finetune import finetune
from train.signals import Interrupted, StopRequest, unbroken
from train.start import start


def test_a_full_disk_leaves_the_last_checkpoint_as_it_was(videos: VideoSet, tmp_path: Path) -> None:
    config, path = tiny_config(tmp_path), last_checkpoint(tmp_path)
    assert not engine(config, videos, tmp_path, stopping=stop_after(3)).train()
    before = path.read_bytes()
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(before) // 2, limits[1]))
    try:
        with pytest.raises(InputError, match=r"\.pt: cannot be written \(File too large\)"):
            engine(config, videos, tmp_path).train()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert path.read_bytes() == before
    assert sorted(p.name for p in path.parent.iterdir()) == ["last.pt", "previous.pt"]


def test_a_killed_data_worker_is_told(videos: VideoSet, tmp_path: Path) -> None:
    asked = iter(range(100))

    def kill_the_worker() -> bool:
        if next(asked) == 4:
            for worker in multiprocessing.active_children():
                os.kill(worker.pid or 0, signal.SIGKILL)
        return False

    assert "a data worker was killed" in told(videos, tmp_path, kill_the_worker)


def test_a_worker_that_dies_while_it_hands_over_is_told() -> None:
    with pytest.raises(InputError, match="a data worker was killed"), explained(ALONE):
        raise ConnectionResetError(104, "Connection reset by peer")


def test_a_disk_that_does_not_answer_is_told(
    videos: VideoSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reads = iter(range(100))

    def read_until_stuck(path: Path, wanted: Any) -> Any:
        if next(reads) > 20:
            time.sleep(1000)
        return read_frames(path, wanted)

    monkeypatch.setattr("train.data.loaders.PATIENCE", 2)
    monkeypatch.setattr("train.data.clips.read_frames", read_until_stuck)
    assert "gave no batch for minutes" in told(videos, tmp_path, lambda: False)


@pytest.mark.parametrize("workers", [1, 2])
def test_asked_to_stop_it_does_though_its_data_workers_are_stopped(
    workers: int, videos: VideoSet, tmp_path: Path
) -> None:
    """Again and again, so that they are stopped at one moment and another of their work."""
    config = tiny_config(tmp_path, workers=workers, epochs=500, evaluate_every=7)
    run, queue = tmp_path / "run", FORK.Queue()

    def train(asks: Any) -> None:
        torch.set_num_threads(1)
        with StopRequest() as stop:
            going_on = engine(config, videos, run, stopping=lambda: stop.received is not None)
            asks.put(going_on.position.step)
            assert not going_on.train()
        queue.put((stop.received, going_on.position.step, multiprocessing.active_children()))

    for sitting in range(4):
        process = FORK.Process(target=train, args=(queue,))
        process.start()
        queue.get(timeout=60)
        stopped = stop_children(process.pid or 0, workers, after=1 + 0.13 * sitting)
        os.kill(process.pid or 0, signal.SIGTERM)
        received, step, children = queue.get(timeout=25)
        process.join(10)
        assert process.exitcode == 0
        assert received == signal.SIGTERM
        assert children == []
        assert load(last_checkpoint(run))["position"]["step"] == step
        assert not any(Path(f"/proc/{worker}").exists() for worker in stopped)


def test_a_worker_killed_while_it_looks_whether_to_end_holds_up_nobody(
    videos: VideoSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As it is killed at the end of the batches, at most times with what it holds there."""

    def linger(self: Any) -> bool:
        with self._cond:
            time.sleep(0.3)
            return bool(self._flag._semlock._get_value())

    monkeypatch.setattr("multiprocessing.synchronize.Event.is_set", linger)
    config, queue = tiny_config(tmp_path, workers=1, epochs=500), FORK.Queue()

    def train() -> None:
        going_on = engine(config, videos, tmp_path / "run", stopping=stop_after(3))
        queue.put(going_on.train())

    process = FORK.Process(target=train)
    process.start()
    try:
        assert queue.get(timeout=60) is False
    finally:
        process.kill()


def stop_children(parent: int, count: int, after: float) -> list[int]:
    """SIGSTOP to the children of a process, once they are there and a while has passed."""
    path, deadline = Path(f"/proc/{parent}/task/{parent}/children"), time.monotonic() + 60
    while len(children := path.read_text().split()) < count:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    time.sleep(after)
    children = path.read_text().split()  # those of a test, if it is tested now
    for child in children:
        os.kill(int(child), signal.SIGSTOP)
    return [int(child) for child in children]


def told(videos: VideoSet, run: Path, stopping: Callable[[], bool]) -> str:
    """What a run with a data worker, in a process of its own, ends with."""
    config, queue = tiny_config(run, workers=1, epochs=50), FORK.Queue()

    def train(world: World, queue: Any) -> None:
        engine(config, videos, run, world, stopping=stopping).train()

    started = together(1, train, queue)
    message: str = queue.get(timeout=60)
    assert finish(started) == [2]
    assert "start the same command again" in message
    assert len(state(run)) > 20
    return message


def test_a_loss_that_is_no_number_stops_before_anything_is_overwritten(
    videos: VideoSet, tmp_path: Path
) -> None:
    config = tiny_config(tmp_path, lr=1e30, clip_norm=0.0, warmup=0.0, save_minutes=0.0)
    with pytest.raises(InputError, match=r"step \d: the .* NaN or infinite.*smaller lr"):
        engine(config, videos, tmp_path).train()
    for name, tensor in state(tmp_path).items():
        if tensor.is_floating_point():
            assert torch.isfinite(tensor).all(), name


@pytest.fixture
def broken(data: Path, tmp_path: Path) -> VideoSet:
    """The data set with one file of text, in a group that is trained on."""
    shutil.copytree(data, tmp_path / "data")
    victim = sorted((tmp_path / "data").glob("*/*_g02_c01.avi"))[0]
    victim.write_text("not a video")
    return read_videos(tmp_path / "data")


def test_too_many_broken_files_stop_the_run(broken: VideoSet, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"1 of 12 training videos .*_g02_c01\.avi"):
        engine(tiny_config(tmp_path), broken, tmp_path / "run").train()


def test_a_few_broken_files_are_replaced_and_listed(broken: VideoSet, tmp_path: Path) -> None:
    run = tmp_path / "run"
    config = tiny_config(tmp_path, epochs=1, batch_size=12, max_failed=0.1)
    results = finetune(config, broken, run, ALONE)
    assert results is not None
    record = json.loads((run / "record.json").read_text())
    assert len(record["failed"]) == 1
    assert "_g02_c01.avi" in record["failed"][0]


def test_a_broken_test_file_is_left_out_and_named(broken: VideoSet) -> None:
    net = start(Config(model="small", image_size=16), broken.class_names).net
    config = Config(workers=0, batch_size=5)
    found = predict_videos(net, broken.videos, config, ALONE, clips=2, crops=3)
    assert len(found.videos) == len(broken.videos) - 1
    assert not any(video.path.read_bytes() == b"not a video" for video in found.videos)
    assert len(found.failed) == 1
    assert "_g02_c01.avi" in found.failed[0]
    broken_one = [v for v in broken.videos if v not in found.videos]
    with pytest.raises(InputError, match="none of 1 test videos could be decoded"):
        predict_videos(net, broken_one, config, ALONE)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_first_signal_asks_a_second_one_interrupts_and_a_third_lets_clean_up(
    number: signal.Signals,
) -> None:
    with StopRequest() as stop:
        assert stop.received is None
        os.kill(os.getpid(), signal.SIGINT)
        assert stop.received == signal.SIGINT
        with pytest.raises(Interrupted) as interruption:
            os.kill(os.getpid(), number)
        assert interruption.value.number == number
        os.kill(os.getpid(), number)


def test_what_saves_is_not_interrupted() -> None:
    with StopRequest() as stop:
        with unbroken():
            for number in (signal.SIGTERM, signal.SIGINT, signal.SIGTERM):
                os.kill(os.getpid(), number)
        assert stop.received == signal.SIGTERM
        with pytest.raises(Interrupted):
            os.kill(os.getpid(), signal.SIGTERM)


def test_under_torchrun_every_signal_asks() -> None:
    with StopRequest(patient=True) as stop:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGINT):
            os.kill(os.getpid(), number)
        assert stop.received == signal.SIGINT


def test_a_checkpoint_that_is_none_is_refused_by_name(tmp_path: Path) -> None:
    for content in (b"", b"not a checkpoint", b"PK\x03\x04 cut off"):
        (tmp_path / "last.pt").write_bytes(content)
        with pytest.raises(InputError, match=r"last\.pt: no readable checkpoint"):
            load(tmp_path / "last.pt")
    save(tmp_path, {"weights": torch.zeros(1), "format": "another"})
    with pytest.raises(InputError, match="not a checkpoint of this version"):
        load(last_checkpoint(tmp_path))


def test_a_checkpoint_cannot_execute_code(tmp_path: Path) -> None:
    class Harm:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return (os.mkdir, (str(tmp_path / "harm"),))

    save(tmp_path, {"harm": Harm()})
    with pytest.raises(InputError, match="no readable checkpoint"):
        load(last_checkpoint(tmp_path))
    assert not (tmp_path / "harm").exists()


def test_what_a_killed_process_left_half_written_is_removed(tmp_path: Path) -> None:
    (tmp_path / "checkpoints").mkdir()
    folder = tmp_path / "checkpoints"
    leftovers = [tmp_path / ".last.safetensors.x1", folder / ".following.pt.x2"]
    leftovers += [folder / "following.pt"]
    others = [tmp_path / "last.safetensors", tmp_path / ".notes"]
    for path in (*leftovers, *others):
        path.write_text("")
    clear_leftovers(tmp_path)
    assert not any(path.exists() for path in leftovers)
    assert all(path.exists() for path in others)
