"""From videos to batches: data sets, samplers and workers put together."""

import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from multiprocessing.process import BaseProcess
from typing import Any

import torch
from torch.utils.data import DataLoader

from port.genotype import StreamGenotype
from train.config import Config
from train.data.clips import Batch, TestClips, TrainClips, collate
from train.data.done_flag import killable_workers
from train.data.limits import check_limits
from train.data.sampler import Batches, ShardSampler, TrainSampler
from train.data.videos import Video
from train.distributed import World
from train.signals import Stopped, leave_signals_to_parent, wake_children

# Seconds to wait for a batch: a disk that does not answer is told, not waited for.
PATIENCE = 600
# Seconds between looks at whether the run is to stop, and its workers live, while no batch comes.
LOOK_EVERY = 1
# Seconds that one of several processes, asked to stop, waits for the batch that the others need to
# come to the step in which all stop; torchrun kills after 30.
LAST_PATIENCE = 20


def train_batches(
    videos: Sequence[Video],
    clip: StreamGenotype,
    config: Config,
    batches: Batches,
    start: int,
    world: World,
    stopping: Callable[[], bool] = lambda: False,
) -> Generator[Batch]:
    """This process's batches from step `start` on, without an end.

    Args:
        videos: the training videos.
        clip: frames and stride.
        config: of the run.
        batches: which videos make a step.
        start: the first step, counted over all epochs.
        world: this process among those of the run.
        stopping: asked while no batch comes; see `_handed_over`.
    """
    clips = TrainClips(videos, clip.num_frames, clip.frame_stride, config.seed)
    sampler = TrainSampler(batches, start, world.rank, world.size)
    loader = DataLoader(clips, batch_sampler=sampler, **_workers(config, world))
    return _started(loader, world, stopping)


def test_batches(
    videos: Sequence[Video],
    clip: StreamGenotype,
    clips: int,
    config: Config,
    world: World,
    stopping: Callable[[], bool] = lambda: False,
) -> Generator[Batch]:
    """This process's share of the test videos, `clips` evenly spaced clips of each."""
    loader = DataLoader(
        TestClips(videos, clip.num_frames, clip.frame_stride, clips),
        batch_size=max(1, config.batch_size // world.size // config.accumulate),
        sampler=ShardSampler(len(videos), clips, world.rank, world.size),
        **_workers(config, world),
    )
    return _started(loader, world, stopping)


def check_workers(config: Config, world: World) -> None:
    """Raises InputError where the system gives less than the data workers need."""
    check_limits(_worker_count(config), config.batch_size // world.size // config.accumulate)


def _started(
    loader: DataLoader[Any], world: World, stopping: Callable[[], bool]
) -> Generator[Batch]:
    others, handler = set(multiprocessing.active_children()), signal.getsignal(signal.SIGCHLD)
    batches = iter(loader)
    if threading.current_thread() is threading.main_thread():
        # torch's own raises for a worker that ended wherever the main thread happens to be, in the
        # midst of saving, too. Whoever waits for a batch looks after the workers.
        signal.signal(signal.SIGCHLD, handler)
    workers = [each for each in multiprocessing.active_children() if each not in others]
    return _handed_over(batches, workers, world, stopping)


def _handed_over(
    batches: Iterator[Batch],
    workers: Sequence[BaseProcess],
    world: World,
    stopping: Callable[[], bool],
) -> Generator[Batch]:
    """The batches; the workers end with it.

    Raises:
        Stopped: `stopping` said yes while no batch came. Of several processes one alone cannot
            stop; it goes on to wait for a while.
        RuntimeError: no batch came for too long, or a worker died.
    """
    try:
        while (batch := _next(batches, world, stopping)) is not None:
            yield batch
    finally:
        for worker in workers:  # one that hangs or was stopped would not end when asked to
            worker.kill()


def _next(batches: Iterator[Batch], world: World, stopping: Callable[[], bool]) -> Batch | None:
    began = asked = time.monotonic()
    while True:
        try:
            return next(batches, None)
        except RuntimeError as error:
            if "DataLoader timed out" not in str(error) or time.monotonic() - began >= PATIENCE:
                raise
            if not stopping():
                asked = time.monotonic()
                continue
            if world.size == 1:
                raise Stopped from None
            if time.monotonic() - asked >= LAST_PATIENCE:
                raise
            wake_children()


def _workers(config: Config, world: World) -> dict[str, Any]:
    workers = _worker_count(config)
    check_workers(config, world)
    return {
        "num_workers": workers,
        "timeout": LOOK_EVERY if workers else 0,
        "collate_fn": collate,
        "worker_init_fn": leave_signals_to_parent,
        "multiprocessing_context": killable_workers() if workers else None,
        "pin_memory": world.device.type == "cuda",
        # Workers draw nothing: what is random depends on seed, epoch and video.
        "generator": torch.Generator().manual_seed(0),
    }


def _worker_count(config: Config) -> int:
    return min(config.workers, os.cpu_count() or 1)
