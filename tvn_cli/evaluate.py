"""`tvn evaluate`: test a run's weights on the videos it has not seen."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from absl.flags import FlagValues

from port.errors import InputError
from tvn_cli.flags import Flags
from tvn_cli.main import no_arguments, required
from tvn_cli.screen.say import say

if TYPE_CHECKING:
    from train.run import Run

USAGE = "tvn evaluate --run=DIR [--data=DIR] [--which=last|best] [--clips=N] [--crops=1|3]"


def define(flags: Flags) -> None:
    """Declare the flags."""
    flags.run_and_weights()
    flags.text("data", "the data set; the one that the run was trained on if left out")
    flags.number("clips", "of a video to average")
    flags.number("crops", "of a clip to average, 1 or 3")
    flags.number("workers", "processes that decode", least=0)
    flags.text("device", "cpu, cuda or auto")
    flags.engine("eager")
    flags.folds("test one run, or each fold of a `tvn finetune --folds=all`")
    flags.text("output", "folder for results and pictures; RUN/test-WHICH if left out")


def main(values: FlagValues, arguments: Sequence[str]) -> int:
    """Test, write results and pictures, print the figures."""
    no_arguments(arguments, "run")
    required(values, "run")
    from train.data.videos import read_videos
    from train.distributed import joined
    from train.failures import explained
    from train.folds import conclude
    from train.run import Run
    from train.testing import test_folder, test_run
    from tvn_cli.screen.results import show_folds, show_results

    folder = Path(values.run)
    folders = _fold_folders(folder) if values.folds == "all" else [folder]
    if values.output is not None and len(folders) > 1:
        raise InputError("--output and --folds=all do not go together; leave --output out")
    runs = [_configured(Run.open(each), values) for each in folders]
    with joined(runs[0].config.device) as world, explained(world):
        for run in runs:
            videos = read_videos(values.data or run.record["data"])
            output = Path(values.output) if values.output else test_folder(run, values.which)
            results = test_run(run, values.which, videos, world, output, engine=values.engine)
            if world.main:
                show_results(results, run.folder)
                say(f"{output}: results.json, tables and pictures")
        if values.folds == "all" and world.main:
            show_folds(folder, conclude(folder, folders, values.which))
    return 0


def _fold_folders(folder: Path) -> list[Path]:
    found = [path for path in folder.glob("fold-*") if path.name.removeprefix("fold-").isdigit()]
    if not found:
        raise InputError(f"{folder}: no folds in it; was it trained with --folds=all?")
    return sorted(found, key=lambda path: int(path.name.removeprefix("fold-")))


def _configured(run: "Run", values: FlagValues) -> "Run":
    """The run with what the flags change of its test."""
    names = {"clips": "test_clips", "crops": "test_crops", "workers": "workers", "device": "device"}
    given = {names[flag]: values[flag].value for flag in names if values[flag].value is not None}
    return replace(run, config=replace(run.config, **given))
