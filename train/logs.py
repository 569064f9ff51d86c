"""What a run says while it runs: JSON lines, TensorBoard, and a progress bar or plain lines."""

import json
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.text import Text
from tensorboardX import SummaryWriter

from port.atomic import write_text
from port.errors import InputError
from port.text import visible_line
from port.untrusted import MIB, parse_json, read_text

# Where there is no terminal for a bar; every line is in metrics.jsonl.
SECONDS_BETWEEN_LINES = 10.0
METRICS_BYTES = 64 * MIB  # some 150 bytes a line, of a run of hundreds of thousands of steps
# Of a line, by its kind.
DRAWN = {"train": ("epoch", "loss"), "test": ("epoch", "loss", "top1", "top5")}


class Logs:
    """Writes to `RUN/metrics.jsonl` and `RUN/tensorboard`, and to the terminal.

    Args:
        run: the run's folder; None for a process that only listens.
        total: steps of the run.
        step: where it goes on.
        lines: of metrics that belong to the steps until there; what an interrupted sitting wrote
            after them is taken out, since it will be computed again.
    """

    def __init__(self, run: Path | None, total: int, step: int = 0, lines: int = 0) -> None:
        self.lines = lines
        self._next_line = 0.0
        self._silent = run is None
        self._console = Console(quiet=self._silent, highlight=False, soft_wrap=True)
        self._bar = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.fields[state]}", markup=False),
            console=self._console,
            disable=self._silent or not self._console.is_terminal,
        )
        self._task = self._bar.add_task("training", total=total, completed=step, state="")
        if run is not None:
            self._path = run / "metrics.jsonl"
            keep_first(self._path, lines)
            self._board = SummaryWriter(str(run / "tensorboard"), purge_step=step + 1)

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._bar.stop()
        if not self._silent:
            self._board.close()

    def say(self, text: str) -> None:
        """A line for whoever watches."""
        self._console.print(Text(visible_line(text)))

    def advance(self, step: int, total: int, state: str) -> None:
        """Move the bar."""
        self._bar.update(self._task, completed=step, total=total, state=state)

    def write(self, kind: str, step: int, values: Mapping[str, float]) -> None:
        """A line of metrics; `kind` is `train` or `test`.

        Raises:
            InputError: it cannot be written, as on a full disk.
        """
        if self._silent:
            return
        line = json.dumps({"kind": kind, "step": step, **values}) + "\n"
        try:
            with self._path.open("a") as file:
                file.write(line)
            self.lines += 1
            for name, value in values.items():
                self._board.add_scalar(f"{kind}/{name}", value, step)
        except OSError as error:
            raise InputError(f"{self._path}: cannot be written ({error.strerror})") from None
        quiet = self._console.is_terminal or time.monotonic() < self._next_line
        if kind == "test" or not quiet:
            self._next_line = time.monotonic() + SECONDS_BETWEEN_LINES
            shown = "  ".join(f"{name} {value:.4g}" for name, value in values.items())
            self.say(f"{kind} step {step}  {shown}")


def read_metrics(path: Path) -> list[dict[str, Any]]:
    """The lines of a `metrics.jsonl`, but for one that was cut off by a crash or damaged."""
    rows = []
    for line in _text(path).splitlines():
        try:
            row = parse_json(line, str(path))
        except InputError:
            continue
        if _is_whole(row):
            rows.append(row)
    return rows


def _is_whole(row: Any) -> bool:
    """Whether it has a kind, and as numbers what curves are drawn of."""
    if not isinstance(row, dict) or row.get("kind") not in list(DRAWN):
        return False
    return all(type(row.get(name)) in (int, float) for name in DRAWN[row["kind"]])


def keep_first(path: Path, lines: int) -> None:
    """Cut the file off after that many lines."""
    kept = _text(path).splitlines(keepends=True)[:lines]
    write_text(path, "".join(kept))


def _text(path: Path) -> str:
    return read_text(path, METRICS_BYTES, "a run's metrics") if path.exists() else ""
