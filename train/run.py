"""A run's folder: what it was asked for, what it started from, what it became.

RUN/config.json            every setting
RUN/record.json            what it started from, its split, versions, what went wrong
RUN/metrics.jsonl          a line every few steps, one a test
RUN/last.safetensors       the weights for use, as of the last epoch
RUN/best.safetensors       those of the epoch that tested best
RUN/checkpoints/           what it takes to go on
RUN/test-last/             the final test: numbers and pictures
"""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

from port.atomic import write_text
from port.convert.record import versions
from port.convert.weights import save_weights
from port.errors import InputError
from port.genotype import Genotype
from port.model import TinyVideoNet
from port.untrusted import JSON_BYTES, read_json, read_text
from train.checkpoint import newest_checkpoint
from train.config import Config
from train.data.splits import Split
from train.data.videos import VideoSet
from train.record_form import check_record

SCHEMA = "tvn-run/1"


@dataclass(frozen=True)
class Run:
    """A run's folder with what was written when it began. `record` is JSON's."""

    folder: Path
    config: Config
    record: Mapping[str, Any]

    @property
    def genotype(self) -> Genotype:
        """Of the net that is trained."""
        return Genotype.from_dict(self.record["genotype"])

    @property
    def class_names(self) -> list[str]:
        """By label."""
        return list(self.record["class_names"])

    @property
    def metrics(self) -> Path:
        """One JSON object a line."""
        return self.folder / "metrics.jsonl"

    def weights(self, which: str) -> Path:
        """The weights file `last` or `best`."""
        return self.folder / f"{which}.safetensors"

    def blank_net(self) -> TinyVideoNet:
        """The net, before a checkpoint is put into it."""
        drop_rate, pooled = self.config.drop_rate, self.config.max_pool_predictions
        return TinyVideoNet(self.genotype, len(self.class_names), drop_rate, pooled)

    def save_weights(self, which: str, net: TinyVideoNet, about: Mapping[str, Any]) -> None:
        """Write weights for use; `create_model`, `export` and `--to_tensorflow` take them."""
        known = ("class_names", "origin", "split", "versions")
        header = {name: self.record[name] for name in known} | dict(about)
        save_weights(self.weights(which), net.genotype, net.state_dict(), header)

    def noted(self, **entries: Any) -> "Run":
        """Add to the record."""
        run = replace(self, record={**self.record, **entries})
        write_text(self.folder / "record.json", json.dumps(run.record, indent=1))
        return run

    def write(self) -> None:
        """Write configuration and record, before the first step.

        Raises:
            InputError: the folder cannot be written.
        """
        try:
            (self.folder / "checkpoints").mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InputError(f"{self.folder}: --run cannot be written ({error.strerror})") from None
        write_text(self.folder / "config.json", self.config.to_json())
        self.noted()

    @classmethod
    def open(cls, folder: Path) -> "Run":
        """A run that was begun.

        Raises:
            InputError: there is none, or its files are damaged.
        """
        settings, about = folder / "config.json", folder / "record.json"
        if not os.path.lexists(about):
            raise InputError(f"{folder}: holds no run of `tvn finetune`")
        record = read_json(about, "a run's record")
        if not isinstance(record, dict) or record.get("schema") != SCHEMA:
            raise InputError(f"{about}: no run's record of this version of the project")
        try:
            check_record(record)
        except InputError as error:
            raise InputError(f"{about}: damaged: {error}") from None
        try:
            config = Config.from_json(read_text(settings, JSON_BYTES, "a run's configuration"))
        except InputError as error:
            raise InputError(f"{settings}: {str(error).removeprefix(f'{settings}: ')}") from None
        return cls(folder, config, record)

    @classmethod
    def begun(cls, folder: Path) -> bool:
        """Whether there is one to go on with."""
        return (folder / "record.json").exists() and newest_checkpoint(folder).exists()

    @classmethod
    def new(
        cls,
        folder: Path,
        config: Config,
        videos: VideoSet,
        split: Split,
        net: TinyVideoNet,
        origin: Mapping[str, Any],
    ) -> "Run":
        """A run that is about to begin; nothing is written yet."""
        record = {
            "schema": SCHEMA,
            "origin": dict(origin),
            "data": str(videos.root),
            "form": videos.form,
            "split": {
                "scheme": split.scheme,
                "fold": split.fold,
                "leaks": split.leaks,
                "description": split.description,
                "train_videos": len(split.train),
                "test_videos": len(split.test),
            },
            "class_names": list(videos.class_names),
            "genotype": net.genotype.to_dict(),
            "versions": versions() | {"av": metadata.version("av")},
            "begun": now(),
            "finished": None,
            "failed": [],
        }
        return cls(folder, config, record)


def now() -> str:
    """The time, for a record."""
    return datetime.now(UTC).isoformat(timespec="seconds")
