"""Two processes are one run: the same losses, every test video once, an end without a hang."""

import os
import signal
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests.train.processes import FORK, finish, together
from tests.train.tiny import TINY, figures, state, tiny_config
from train.config import Config
from train.data.videos import VideoSet
from train.distributed import World
from train.evaluation import predict_videos
from train.finetune import make_engine
from train.start import start

# What depends on neither which clips share a process nor on a process's own random numbers.
SHARED = {"freeze_norm": True, "drop_rate": 0.0, "mixup": 0.0}


def test_two_processes_learn_as_one_does(videos: VideoSet, tmp_path: Path) -> None:
    config = tiny_config(
        tmp_path, epochs=7, lr=0.5, log_every=1, evaluate_every=7, average=0.0, **SHARED
    )
    runs = {1: tmp_path / "one", 2: tmp_path / "two"}
    for size, run in runs.items():

        def train(world: World, queue: Any, run: Path = run) -> None:
            make_engine(config, videos, run, world).train()

        assert set(finish(together(size, train))) == {0}
    one, two = (figures(run) for run in runs.values())
    losses = [[row["loss"] for row in rows if row["kind"] == "train"] for rows in (one, two)]
    assert len(losses[0]) >= 20
    np.testing.assert_allclose(losses[0], losses[1], rtol=0, atol=1e-5)
    assert max(losses[0]) - min(losses[0]) > 0.05  # they are of weights that move
    tests = [[row["loss"] for row in rows if row["kind"] == "test"] for rows in (one, two)]
    np.testing.assert_allclose(tests[0], tests[1], rtol=0, atol=1e-4)


def test_a_test_counts_every_video_once(videos: VideoSet) -> None:
    everything = videos.videos[:-1]  # 17 of them, which two processes cannot share evenly
    net = start(Config(model="small", image_size=16), videos.class_names).net
    queue = FORK.Queue()

    def test(world: World, queue: Any) -> None:
        config = Config(workers=0, batch_size=4)
        found = predict_videos(net, everything, config, world, clips=2, crops=3)
        if world.main:
            queue.put((found.videos, found.probabilities))

    found = []
    for processes in (1, 2):
        started = together(processes, test, queue)
        found.append(queue.get(timeout=60))
        assert set(finish(started)) == {0}
    (_, alone), (tested, shared) = found
    assert tested == everything
    np.testing.assert_allclose(shared.sum(1), 1, atol=1e-6)
    np.testing.assert_allclose(shared, alone, atol=1e-6)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL], ids=["asked", "killed"])
def test_one_process_that_ends_ends_all(
    number: signal.Signals, videos: VideoSet, tmp_path: Path
) -> None:
    """Asked, both save and stop at one step; killed, the other says so. No one waits for ever."""
    config = tiny_config(tmp_path, epochs=500, evaluate_every=500, workers=0, **SHARED)
    run = tmp_path / "run"
    queue = FORK.Queue()

    def train(world: World, queue: Any) -> None:
        from train.signals import StopRequest

        with StopRequest() as stop:
            engine = make_engine(
                config, videos, run, world, stopping=lambda: stop.received is not None
            )
            assert not engine.train()
            queue.put(engine.position.step)

    started = together(2, train, queue)
    deadline = time.monotonic() + 60
    while not (run / "metrics.jsonl").exists() or len(figures(run)) < 3:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    os.kill(started[1].pid, number)
    if number == signal.SIGTERM:
        steps = {queue.get(timeout=60), queue.get(timeout=60)}
        assert finish(started) == [0, 0]
        assert len(steps) == 1
    else:
        assert "lost touch with the others" in queue.get(timeout=60)
        assert finish(started) == [2, -signal.SIGKILL]
    assert len(state(run)) > 20  # what is on disk can be read


def test_synchronised_norms_load_and_save_as_plain_ones(tmp_path: Path) -> None:
    """All of it that runs without a GPU; PyTorch computes synchronised norms on GPUs only."""
    import port

    net = port.create_model(TINY, 5)
    saved = net.state_dict()
    synchronised = torch.nn.SyncBatchNorm.convert_sync_batchnorm(port.create_model(TINY, 5))
    torch.save(saved, tmp_path / "w.pt")
    synchronised.load_state_dict(torch.load(tmp_path / "w.pt", weights_only=True))
    assert synchronised.state_dict().keys() == saved.keys()
