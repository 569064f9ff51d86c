"""Runs that take a second: a tiny net on the small generated data set."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from port import Genotype
from train.checkpoint import last_checkpoint, load
from train.config import Config
from train.data.videos import VideoSet
from train.distributed import World
from train.engine import Engine
from train.finetune import make_engine

_BLOCK: dict[str, Any] = {
    "spatial_type": "1std",
    "spatial_kernel": 3,
    "spatial_stride": 2,
    "temporal_type": "1d",
    "temporal_kernel": 3,
    "temporal_stride": 1,
    "filters": 8,
    "expand": 0,
    "repeats": 1,
    "skip": 0,
    "squeeze": 0.0,
    "context_gate": 0,
}
TINY = Genotype.from_dict(
    {
        "num_frames": 4,
        "frame_stride": 2,
        "image_size": 16,
        "blocks": [_BLOCK, _BLOCK | {"temporal_type": "maxpool"}, _BLOCK | {"context_gate": 1}],
    }
)
ALONE = World(torch.device("cpu"))


def tiny_config(folder: Path, **settings: Any) -> Config:
    """Everything that is random or kept between steps is on."""
    genotype = folder / "tiny.json"
    genotype.write_text(TINY.to_json())
    usual: dict[str, Any] = {
        "model": str(genotype),
        "epochs": 3,
        "batch_size": 4,
        "accumulate": 2,
        "lr": 0.05,
        "mixup": 0.2,
        "clip_norm": 1.0,
        "average": 0.9,
        "workers": 0,
        "log_every": 2,
        "test_clips": 1,
    }
    return Config(**usual | settings)


def stop_after(calls: int) -> Callable[[], bool]:
    """A wish to stop that comes at the `calls`-th question."""
    left = iter(range(calls))
    return lambda: next(left, None) is None


def engine(
    config: Config, videos: VideoSet, run: Path, world: World = ALONE, **more: Any
) -> Engine:
    """What trains the run in `run`."""
    return make_engine(config, videos, run, world, **more)


def state(run: Path) -> dict[str, Tensor]:
    """Every tensor that training changed, by name, as of the last checkpoint."""
    tensors: dict[str, Tensor] = {}

    def collect(value: Any, name: str) -> None:
        if isinstance(value, Tensor):
            tensors[name] = value
        elif isinstance(value, dict):
            for key, part in value.items():
                collect(part, f"{name}/{key}")

    collect(load(last_checkpoint(run))["trainer"], "")
    return tensors


def assert_same_bits(one: Path, other: Path) -> None:
    """Two runs ended with the same tensors, to the bit, and logged the same figures."""
    mine, theirs = state(one), state(other)
    assert mine.keys() == theirs.keys()
    assert len(mine) > 20
    different = [name for name in mine if not torch.equal(mine[name], theirs[name])]
    assert different == []
    assert figures(one) == figures(other)


def figures(run: Path) -> list[dict[str, Any]]:
    """The lines of metrics without those that are times."""
    rows = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    return [
        {k: v for k, v in row.items() if k not in ("clips_per_second", "waiting")} for row in rows
    ]
