"""A run that was stopped, in whatever way, ends with the bits of one that never was."""

import random
import time
from pathlib import Path

import pytest
import torch

from tests.train.processes import FORK
from tests.train.tiny import assert_same_bits, engine, figures, state, stop_after, tiny_config
from train.checkpoint import last_checkpoint, load
from train.videos import VideoSet


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
    """SIGKILL, with a data worker running and a checkpoint after every step."""
    config = tiny_config(tmp_path, epochs=max(6, kills), workers=1, save_minutes=0.0)
    whole, broken = tmp_path / "whole", tmp_path / "broken"

    def train(run: Path) -> None:
        torch.set_num_threads(1)
        engine(config, videos, run).train()

    start = time.monotonic()
    undisturbed = FORK.Process(target=train, args=(whole,))
    undisturbed.start()
    undisturbed.join()
    seconds = time.monotonic() - start
    draw, steps = random.Random(0), []
    while len(steps) < kills:
        victim = FORK.Process(target=train, args=(broken,))
        victim.start()
        victim.join(draw.uniform(0.2, 1.5) * seconds / kills)
        if victim.is_alive():
            victim.kill()
            victim.join()
            checkpoint = last_checkpoint(broken)
            steps.append(load(checkpoint)["position"]["step"] if checkpoint.exists() else -1)
        else:
            assert victim.exitcode == 0
            assert steps, "it was too quick to be killed"
            break
    last = FORK.Process(target=train, args=(broken,))
    last.start()
    last.join()
    assert last.exitcode == 0
    assert_same_bits(broken, whole)
