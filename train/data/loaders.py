"""From videos to batches: data sets, samplers and workers put together."""

import os
from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch.utils.data import DataLoader

from port.genotype import StreamGenotype
from train.config import Config
from train.data.clips import Batch, TestClips, TrainClips, collate
from train.data.sampler import Batches, ShardSampler, TrainSampler
from train.data.videos import Video
from train.distributed import World
from train.failures import tell_of_one_worker
from train.signals import leave_signals_to_parent

# Seconds to wait for a batch: a disk that does not answer is told, not waited for.
PATIENCE = 600


def train_batches(
    videos: Sequence[Video],
    clip: StreamGenotype,
    config: Config,
    batches: Batches,
    start: int,
    world: World,
) -> Iterator[Batch]:
    """This process's batches from step `start` on, without an end.

    Args:
        videos: the training videos.
        clip: frames and stride.
        config: of the run.
        batches: which videos make a step.
        start: the first step, counted over all epochs.
        world: this process among those of the run.
    """
    clips = TrainClips(videos, clip.num_frames, clip.frame_stride, config.seed)
    sampler = TrainSampler(batches, start, world.rank, world.size)
    return _started(DataLoader(clips, batch_sampler=sampler, **_workers(config, world)))


def test_batches(
    videos: Sequence[Video], clip: StreamGenotype, clips: int, config: Config, world: World
) -> Iterator[Any]:
    """This process's share of the test videos, `clips` evenly spaced clips of each."""
    loader = DataLoader(
        TestClips(videos, clip.num_frames, clip.frame_stride, clips),
        batch_size=max(1, config.batch_size // world.size // config.accumulate),
        sampler=ShardSampler(len(videos), clips, world.rank, world.size),
        **_workers(config, world),
    )
    return _started(loader)


def _started(loader: DataLoader[Any]) -> Iterator[Any]:
    batches = iter(loader)
    tell_of_one_worker()
    return batches


def _workers(config: Config, world: World) -> dict[str, Any]:
    workers = min(config.workers, os.cpu_count() or 1)
    return {
        "num_workers": workers,
        "timeout": PATIENCE if workers else 0,
        "collate_fn": collate,
        "worker_init_fn": leave_signals_to_parent,
        "pin_memory": world.device.type == "cuda",
        # Workers draw nothing: what is random depends on seed, epoch and video.
        "generator": torch.Generator().manual_seed(0),
    }
