"""The terminal's view of a verification: a progress bar while it runs, then a row a tap."""

from collections.abc import Callable

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from verify.compare import Difference
from verify.engine import Watcher
from verify.report import Report, TapReport
from verify.spec import PortSpec
from verify.verdicts import Verdict


def show(spec: PortSpec, run: Callable[[Watcher], Report]) -> Report:
    """Run a verification with a progress bar, print its table and verdict; return its report."""
    total = sum(len(stage.taps) for stage in spec.stages)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, TimeElapsedColumn(), console=Console(stderr=True)) as progress:
        task = progress.add_task(spec.name, total=total)

        def watch(tap: TapReport) -> None:
            progress.update(task, advance=1, description=tap.name)

        report = run(watch)
    print_report(report)
    return report


def print_report(report: Report) -> None:
    """Print the table and the verdict."""
    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column("tap", no_wrap=True)
    headings = ("shape", "float64 error", "alone", "float32 error", "× original's", "alone")
    for heading in headings:
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("verdict", no_wrap=True)
    for tap in report.taps:
        table.add_row(*_cells(tap))
    console = Console()
    if not console.is_terminal:
        console = Console(width=200)  # a pipe has no width that rows must be cut to
    console.print(table)
    console.print(_verdict(report), highlight=False, soft_wrap=True)


def _cells(tap: TapReport) -> list[str | Text]:
    accumulated, alone = tap.accumulated, tap.isolated
    verdict = Text("same", "green") if tap.passed else Text(tap.reason, "bold red")
    return [
        tap.name,
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


def _verdict(report: Report) -> Text:
    seconds = report.about.get("seconds")
    if report.passed:
        needed = max(
            verdict.needed_factor
            for tap in report.taps
            for verdict in (tap.accumulated, tap.isolated)
            if verdict is not None
        )
        return Text(
            f"PASSED: {report.name} is the same function at all {len(report.taps)} taps, and as "
            f"precise (a factor of {needed:.2f} would have done, 4 is allowed); {seconds} s",
            "green",
        )
    failed = sum(not tap.passed for tap in report.taps)
    return Text(
        f"FAILED: {report.name} differs at {failed} of {len(report.taps)} taps, first at "
        f"{report.first_failure}; {seconds} s",
        "bold red",
    )
