"""A run from its beginning, or from where it stopped, to its test."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from port.errors import InputError
from train.config import Config
from train.data.loaders import check_workers
from train.data.splits import split
from train.data.videos import VideoSet
from train.distributed import World
from train.engine import Engine
from train.failures import explained
from train.lock import locked
from train.results import Results
from train.run import Run, now
from train.signals import Stopped
from train.start import start
from train.testing import split_of, test_folder, test_run
from train.trainer import Trainer


def finetune(
    config: Config,
    videos: VideoSet,
    folder: Path,
    world: World,
    *,
    weights: Path | None = None,
    allow_unverified: bool = False,
    resume: str = "last",
    stopping: Callable[[], bool] = lambda: False,
) -> Results | None:
    """Train and test. In a folder that holds a run, go on with it.

    Args:
        config: every setting.
        videos: the data set.
        folder: the run's.
        world: this process among those of the run.
        weights: what to start from; nothing for scratch.
        allow_unverified: start from weights that `tvn verify` has not passed.
        resume: `previous` goes on from the checkpoint before the last where the last is damaged.
        stopping: whether the run is to save its state and end.

    Returns:
        The results of the test, or None if it was stopped.

    Raises:
        InputError: what was asked for does not fit, another process is in the folder, or something
            broke; see `Engine.train`.
    """
    check_workers(config, world)
    with explained(world), locked(folder, world):
        engine = make_engine(
            config, videos, folder, world, weights, allow_unverified, resume, stopping
        )
        if not engine.train():
            return None
        run = engine.run
        if world.main:
            seconds, failed = round(engine.position.seconds, 1), engine.position.failed
            run = run.noted(finished=now(), seconds=seconds, failed=failed)
        try:
            return test_run(run, "last", videos, world, test_folder(run, "last"), stopping)
        except Stopped:
            return None


def make_engine(
    config: Config,
    videos: VideoSet,
    folder: Path,
    world: World,
    weights: Path | None = None,
    allow_unverified: bool = False,
    resume: str = "last",
    stopping: Callable[[], bool] = lambda: False,
) -> Engine:
    """What trains the run in `folder`, at its beginning or where it stopped; see `finetune`."""
    # The first process says which, since the others may look when it has begun to write.
    if world.gather(Run.begun(folder))[0]:
        run = _continued(Run.open(folder), config, weights)
        parts = split_of(run, videos)
        _check_sizes(run, videos, len(parts.train), len(parts.test))
        engine = Engine(run, parts, Trainer(run.blank_net(), run.config, world), world, stopping)
        engine.go_on(resume)
        return engine
    parts = split(videos, config.split, config.fold, config.seed)
    begun = start(config, videos.class_names, weights, allow_unverified)
    origin = begun.origin | {"processes": world.size, "device": world.device.type}
    run = Run.new(folder, config, videos, parts, begun.net, origin)
    engine = Engine(run, parts, Trainer(begun.net, config, world), world, stopping)
    if world.main:
        run.write()
    return engine


def _continued(run: Run, config: Config, weights: Path | None) -> Run:
    """The run, if it was asked for the same."""
    if different := config.differences(run.config):
        raise InputError(
            f"{run.folder}: holds a run with other settings ({'; '.join(different)}); give the "
            "same ones to go on, or name another --run"
        )
    before = run.record["origin"]["weights"]
    if weights is not None and str(weights) != before:
        raise InputError(f"{run.folder}: its run started from {before}; name another --run")
    return replace(run, config=run.config.continued(config))


def _check_sizes(run: Run, videos: VideoSet, train: int, test: int) -> None:
    before = run.record["split"]["train_videos"], run.record["split"]["test_videos"]
    if before != (train, test):
        raise InputError(
            f"{videos.root}: {train} training and {test} test videos, where the run began with "
            f"{before[0]} and {before[1]}; give the same data set"
        )
