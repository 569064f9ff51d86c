"""`tvn finetune`: from a folder of videos and verified weights to a tested classifier."""

from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from absl.flags import FlagValues

from port.errors import InputError
from tvn_cli.flags import Flags
from tvn_cli.main import no_arguments, required
from tvn_cli.screen.say import complain, say

if TYPE_CHECKING:
    from train.config import Config

USAGE = (
    "tvn finetune --data=DIR --run=DIR (--weights=W.safetensors | --model=M) [--preset=P]\n"
    "             [--set=NAME=VALUE,…] [--budget=2h] [--folds=all]\n"
    "torchrun --nproc_per_node=N -m -- tvn_cli finetune …    (several GPUs)\n\n"
    "The same command again goes on where the run stopped; where its last checkpoint was damaged,\n"
    "with --resume=previous from the one before it. --show prints every setting."
)


def define(flags: Flags) -> None:
    """Declare the flags."""
    flags.text("data", "a folder of class folders of videos, or a CSV of path, label, group")
    flags.text("run", "the run's folder")
    flags.text("weights", "weights to start from, verified")
    flags.text("model", "the net: a published name, `small` or a genotype JSON file; that of "
               "--weights or --preset if left out")  # fmt: skip
    flags.text("preset", "settings to start from: ucf50_NET, generated or smoke")
    flags.repeated("set", "settings, as epochs=10,lr=0.1")
    flags.text("split", "groups, leave_one_group_out, official or random")
    flags.number("fold", "which part is tested", least=None)
    flags.folds("train and test one fold or each")
    flags.text("budget", "time to fit the epochs to, as 2h, 90min or 1.5h")
    flags.choice("resume", ("last", "previous"), "where the last checkpoint is damaged: refuse it, "
                 "or go on from the one before it")  # fmt: skip
    flags.allow_unverified("start from")
    flags.switch("show", "print every setting and its meaning, and do nothing")


def main(values: FlagValues, arguments: Sequence[str]) -> int:
    """Train, test, print the figures; 128 plus the signal's number where one stopped it."""
    no_arguments(arguments, "data")
    from train.presets import configure

    config = configure(values.preset, values.model, values.split, values.fold, values.budget,
                       values["set"].value)  # fmt: skip
    if values.show:
        say(*config.describe().splitlines())
        return 0
    required(values, "data", "run")
    if config.model == "" and values.weights is None:
        raise InputError("--weights or --model must be given; see --help")
    from train.signals import Interrupted

    try:
        return _train(values, config)
    except Interrupted as error:
        complain(
            f"{values.run}: interrupted; the last checkpoint is intact: the same command again "
            "goes on"
        )
        return 128 + error.number


def _train(values: FlagValues, config: "Config") -> int:
    """Train and test the run or its folds; the exit status."""
    from port.memory import keep_freed_memory
    from train.data.splits import fold_count
    from train.data.videos import read_videos
    from train.distributed import joined
    from train.finetune import finetune
    from train.folds import conclude, fold_folder
    from train.lock import locked
    from train.signals import StopRequest
    from tvn_cli.screen.results import show_folds, show_results

    videos, folder = read_videos(values.data), Path(values.run)
    runs = {folder: config}
    if values.folds == "all":
        folds = range(fold_count(videos, config.split))
        runs = {fold_folder(folder, fold): replace(config, fold=fold) for fold in folds}
    with (
        joined(config.device) as world,
        StopRequest(patient=world.size > 1) as stop,
        # All folds at once are one run to whoever starts a second one.
        locked(folder, world) if values.folds == "all" else nullcontext(),
    ):
        if world.device.type == "cpu":
            keep_freed_memory()
        for each, settings in runs.items():
            results = finetune(
                settings,
                videos,
                each,
                world,
                weights=Path(values.weights) if values.weights else None,
                allow_unverified=values.allow_unverified,
                resume=values.resume,
                stopping=lambda: stop.received is not None,
            )
            if results is None:
                if world.main:
                    say(f"{each}: stopped; the same command again goes on")
                return 128 + (stop.received or 0)
            if world.main:
                show_results(results, each)
        if values.folds == "all" and world.main:
            show_folds(folder, conclude(folder, list(runs), "last"))
    return 0
