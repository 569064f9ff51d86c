"""`tvn finetune`: from a folder of videos and verified weights to a tested classifier."""

import re
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from absl import flags

from port.errors import InputError
from port.text import visible
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
HOURS = {"h": 1.0, "min": 1 / 60, "s": 1 / 3600}


def define(values: flags.FlagValues) -> None:
    """Declare the flags."""
    text, switch = flags.DEFINE_string, flags.DEFINE_bool
    text("data", None, "a folder of class folders of videos, or a CSV of path, label, group",
         flag_values=values)  # fmt: skip
    text("run", None, "the run's folder", flag_values=values)
    text("weights", None, "weights to start from, verified", flag_values=values)
    text("model", None, "the net: a published name, `small` or a genotype JSON file; that of "
         "--weights or --preset if left out", flag_values=values)  # fmt: skip
    text("preset", None, "settings to start from: ucf50_NET, generated or smoke",
         flag_values=values)  # fmt: skip
    flags.DEFINE_multi_string("set", [], "settings, as epochs=10,lr=0.1", flag_values=values)
    text("split", None, "groups, leave_one_group_out, official or random", flag_values=values)
    flags.DEFINE_integer("fold", None, "which part is tested", flag_values=values)
    flags.DEFINE_enum("folds", "one", ["one", "all"], "train and test one fold or each",
                      flag_values=values)  # fmt: skip
    text("budget", None, "time to fit the epochs to, as 2h, 90min or 1.5h", flag_values=values)
    flags.DEFINE_enum("resume", "last", ["last", "previous"], "where the last checkpoint is "
                      "damaged: refuse it, or go on from the one before it",
                      flag_values=values)  # fmt: skip
    switch("allow_unverified", False, "start from weights that `tvn verify` has not passed, and "
           "record that", flag_values=values)  # fmt: skip
    switch("show", False, "print every setting and its meaning, and do nothing",
           flag_values=values)  # fmt: skip


def main(values: flags.FlagValues, arguments: Sequence[str]) -> int:
    """Train, test, print the figures; 128 plus the signal's number where one stopped it."""
    no_arguments(arguments)
    config = _config(values)
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


def _train(values: flags.FlagValues, config: "Config") -> int:
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


def _config(values: flags.FlagValues) -> "Config":
    """Preset, then flags, then --set."""
    from train.config import Config
    from train.presets import preset

    config = preset(values.preset) if values.preset else Config()
    if values.model is not None:
        config = replace(config, model=values.model)
    if values.split is not None:
        config = config.override([f"split={values.split}"])
    if values.fold is not None:
        config = config.override([f"fold={values.fold}"])
    if values.budget is not None:
        config = replace(config, budget=_hours(values.budget))
    settings = [part for text in values["set"].value for part in text.split(",") if part]
    return config.override(settings)


def _hours(text: str) -> float:
    # re.ASCII: `\d` alone takes the digits of every script.
    found = re.fullmatch(r"(\d+(?:\.\d+)?)(h|min|s)", text, re.ASCII)
    hours = float(found[1]) * HOURS[found[2]] if found else 0.0
    if not hours:
        raise InputError(f"--budget={visible(text)}: must look like 2h, 90min or 1.5h")
    return hours
