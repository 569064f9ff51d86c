"""The terminal's view of a verification: a progress bar while it runs, then a row a tap."""

from collections.abc import Callable, Sequence

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from port.text import visible, visible_line
from verify.diagnosis.diagnose import Diagnosis
from verify.diagnosis.training_diagnosis import TrainingDiagnosis
from verify.engine.inference import Watcher
from verify.engine.trajectory import TrajectoryReport
from verify.numerics.compare import Difference
from verify.numerics.verdicts import Verdict
from verify.reports.report import Outcome, Report, TapReport
from verify.reports.training_report import TrainingReport
from verify.specs.spec import PortSpec


def run_with_progress(spec: PortSpec, run: Callable[[Watcher], Report]) -> Report:
    """Run a verification with a progress bar; return its report."""
    total = sum(len(stage.taps) for stage in spec.stages)
    with progress_bar() as progress:
        task = progress.add_task(visible(spec.name), total=total)

        def watch(tap: TapReport) -> None:
            progress.update(task, advance=1, description=visible(tap.name))

        return run(watch)


def train_with_progress(
    name: str, run: Callable[[Callable[[int, int, str], None]], TrainingReport]
) -> TrainingReport:
    """Run a comparison in training with a progress bar; return its report."""
    with progress_bar() as progress:
        task = progress.add_task(visible(name), total=None)

        def watch(done: int, total: int, what: str) -> None:
            progress.update(
                task, completed=done, total=total, description=visible(f"{name}, {what}")
            )

        return run(watch)


def follow_with_progress(
    name: str, run: Callable[[Callable[[int, int], None]], TrajectoryReport]
) -> TrajectoryReport:
    """Follow a trajectory with a progress bar; return its report."""
    with progress_bar() as progress:
        task = progress.add_task(visible(name), total=None)
        return run(lambda done, total: progress.update(task, completed=done, total=total))


def progress_bar() -> Progress:
    """A bar on a terminal: what is done now, how many of how many, since when."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn())
    return Progress(*columns, TimeElapsedColumn(), console=console, disable=not console.is_terminal)


def print_taps(taps: Sequence[TapReport]) -> None:
    """Print a table, a row a tap."""
    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column("tap", no_wrap=True)
    headings = ("shape", "float64 error", "alone", "float32 error", "× original's", "alone")
    for heading in headings:
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("verdict", no_wrap=True)
    for tap in taps:
        table.add_row(*_cells(tap))
    console = Console()
    if not console.is_terminal:
        console = Console(width=200)  # a pipe has no width that rows must be cut to
    console.print(table)


def print_verdict(outcome: Outcome) -> None:
    """Print the outcome in one line."""
    word, colour = ("PASSED", "green") if outcome.passed else ("FAILED", "bold red")
    told = f"{word}: {outcome.summary}; {outcome.about.get('seconds')} s"
    Console().print(Text(visible_line(told), colour), highlight=False, soft_wrap=True)


def print_diagnosis(diagnosis: Diagnosis | TrainingDiagnosis) -> None:
    """Print why a port failed, a line each."""
    console = Console()
    console.print(Text("diagnosis", "bold"))
    for line in diagnosis.lines:
        console.print(Text(f"  {visible_line(line)}"), soft_wrap=True)


def _cells(tap: TapReport) -> list[str | Text]:
    accumulated, alone = tap.accumulated, tap.isolated
    verdict = Text("same", "green") if tap.passed else Text(visible_line(tap.reason), "bold red")
    return [
        Text(visible(tap.name)),
        "×".join(map(str, tap.shape)),
        _share(accumulated.function if accumulated else None),
        _share(alone.function if alone else None),
        _share(accumulated.port if accumulated else None),
        _ratio(accumulated),
        _ratio(alone),
        verdict,
    ]


def _share(difference: Difference | None) -> str:
    return "–" if difference is None else f"{difference.relative:.1e}"


def _ratio(verdict: Verdict | None) -> str:
    return "–" if verdict is None else f"{verdict.ratio:.2f}"
