"""The test of a run: its weights on the videos it has not seen, in numbers and pictures."""

from collections.abc import Callable
from pathlib import Path

from port.engines import engine_of
from port.errors import InputError
from port.factory import create_model
from train.data.splits import Split, split
from train.data.videos import VideoSet
from train.distributed import World
from train.evaluation import predict_videos
from train.pictures import draw_all
from train.results import Results
from train.run import Run
from train.trainer import to_device


def split_of(run: Run, videos: VideoSet) -> Split:
    """The run's own split of `videos`.

    Raises:
        InputError: the data set has other classes than the run.
    """
    if list(videos.class_names) != run.class_names:
        raise InputError(
            f"{videos.root}: other classes than those the run was trained on "
            f"({len(videos.class_names)} and {len(run.class_names)}); give the same data set"
        )
    return split(videos, run.config.split, run.config.fold, run.config.seed)


def test_folder(run: Run, which: str) -> Path:
    """Where the test of `last` or `best` is written."""
    return run.folder / f"test-{which}"


def test_run(
    run: Run,
    which: str,
    videos: VideoSet,
    world: World,
    output: Path,
    stopping: Callable[[], bool] = lambda: False,
    *,
    engine: str = "eager",
) -> Results:
    """Test the weights `last` or `best`, and write results and pictures to `output`.

    `engine` runs the net; see `port.engines`.

    Raises:
        Stopped: `stopping` said yes, and nothing was written; see `predict_videos`.
        InputError: there are no such weights, or the folder cannot be written.
    """
    config, held_out = run.config, split_of(run, videos)
    net = to_device(create_model(run.genotype, weights=run.weights(which)).float(), config, world)
    found = predict_videos(
        net,
        held_out.test,
        config,
        world,
        clips=config.test_clips,
        crops=config.test_crops,
        stopping=stopping,
        engine=engine_of(net.eval(), engine),
    )
    about = {
        "run": str(run.folder),
        "weights": which,
        "selected_on_test": which == "best",
        "split": dict(run.record["split"]),
        "origin": dict(run.record["origin"]),
        "engine": engine,
        "clips": config.test_clips,
        "crops": config.test_crops,
    }
    results = Results(found, run.class_names, about)
    if world.main:
        try:
            output.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InputError(f"{output}: cannot be written ({error.strerror})") from None
        results.write(output, videos.root)
        draw_all(results, run.metrics, output)
    return results
