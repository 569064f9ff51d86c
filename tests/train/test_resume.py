"""A run that was stopped, in whatever way, ends with the bits of one that never was."""

import random
import time
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.train.processes import FORK
from tests.train.tiny import assert_same_bits, engine, figures, state, stop_after, tiny_config
from train.checkpoint import last_checkpoint, load, newest_checkpoint
from train.data.videos import VideoSet


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory, videos: VideoSet) -> Path:
    run = tmp_path_factory.mktemp("undisturbed")
    assert engine(tiny_config(run), videos, run).train()
    return run


@pytest.mark.parametrize("stops", [[1], [4], [2, 2, 5]])
def test_stopping_and_going_on_changes_no_bit(
    undisturbed: Path, videos: VideoSet, tmp_path: Path, stops: list[int]
) -> None:
    config = tiny_config(undisturbed)
    for stop in stops:
        assert not engine(config, videos, tmp_path, stopping=stop_after(stop)).train()
    assert engine(config, videos, tmp_path).train()
    assert_same_bits(tmp_path, undisturbed)
    assert engine(config, videos, tmp_path).train()  # a finished run stays as it is
    assert_same_bits(tmp_path, undisturbed)


def test_the_comparison_would_notice(undisturbed: Path, videos: VideoSet, tmp_path: Path) -> None:
    config = tiny_config(undisturbed)
    assert not engine(config, videos, tmp_path, stopping=stop_after(4)).train()
    late = engine(config, videos, tmp_path)
    late.position.step -= 1  # as a sampler would that lost its place
    assert late.train()
    assert figures(tmp_path) != figures(undisturbed)
    assert any(not torch.equal(a, b) for a, b in zip(
        state(tmp_path).values(), state(undisturbed).values(), strict=True))  # fmt: skip


@pytest.mark.parametrize(
    "kills", [2, pytest.param(20, marks=pytest.mark.slow)], ids=["twice", "20 times"]
)
def test_killed_at_random_moments_it_ends_with_the_same_bits(
    videos: VideoSet, tmp_path: Path, kills: int
) -> None:
    """SIGKILL, with a data worker running and a checkpoint after every step.

    Each sitting is killed a moment after it has written its first to fourth checkpoint, so that all
    of them get on, and the moments fall into steps, tests and the writing of files.
    """
    config = tiny_config(tmp_path, epochs=2 * kills, workers=1, save_minutes=0.0, evaluate_every=3)
    whole, broken = tmp_path / "whole", tmp_path / "broken"

    def train(run: Path) -> None:
        torch.set_num_threads(1)
        engine(config, videos, run).train()

    undisturbed = FORK.Process(target=train, args=(whole,))
    undisturbed.start()
    undisturbed.join()
    draw, killed_at = random.Random(0), list[int]()
    for _ in range(kills):
        victim = FORK.Process(target=train, args=(broken,))
        victim.start()
        for _ in range(draw.randint(1, 4)):
            wait_for_checkpoint(broken, victim)
        victim.join(draw.uniform(0, 0.05))
        assert victim.is_alive(), "it came to its end before it was killed often enough"
        victim.kill()
        victim.join()
        killed_at.append(load(newest_checkpoint(broken))["position"]["step"])
    print("steps of the checkpoints at the kills:", killed_at)
    assert killed_at == sorted(killed_at)
    assert len(set(killed_at)) > kills / 2
    last = FORK.Process(target=train, args=(broken,))
    last.start()
    last.join()
    assert last.exitcode == 0
    assert_same_bits(broken, whole)


def wait_for_checkpoint(run: Path, writer: Any) -> None:
    """Until there is another one than now."""
    deadline = time.monotonic() + 60
    before = written(run)
    while written(run) == before:
        assert writer.is_alive()
        assert time.monotonic() < deadline
        time.sleep(0.001)


def written(run: Path) -> int:
    """When the last checkpoint was; 0 for none."""
    try:
        return last_checkpoint(run).stat().st_mtime_ns
    except FileNotFoundError:
        return 0
