"""Progress bars, on a terminal's standard error."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from tvn_cli.screen.say import is_quiet


def progress_bar(time: ProgressColumn | None = None) -> Progress:
    """A bar: what is done now, how many of how many, since when, or what `time` tells instead."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn())
    time = time or TimeElapsedColumn()
    return Progress(*columns, time, console=console, disable=is_quiet() or not console.is_terminal)


@contextmanager
def count_files(what: str, total: int) -> Iterator[Callable[[], Any]]:
    """A bar with the time left; call what it gives after each file."""
    with progress_bar(TimeRemainingColumn()) as bar:
        task = bar.add_task(what, total=total)
        yield lambda: bar.update(task, advance=1)
