"""The terminal's view of a verification: bars while it runs, a row a tap, a line a verdict."""

from collections.abc import Sequence
from types import TracebackType

from rich.console import Console
from rich.progress import Progress as Bars
from rich.progress import TaskID
from rich.text import Text

from port.text import visible, visible_line
from tvn_cli.screen.progress import progress_bar
from tvn_cli.screen.say import say
from tvn_cli.screen.table import add_row, show, table
from verify.custom.review import list_failing_values, summarise
from verify.engine.events import Event, Explained, Judged, Part, Progress, Skipped
from verify.numerics.compare import Difference
from verify.numerics.verdicts import Verdict
from verify.reports.outcome import Explanation, Outcome
from verify.reports.report import Report, TapReport
from verify.reports.training_report import TrainingReport

# Each accumulated from the input on, and of the layer alone.
FIGURES = ("float64 error", "alone", "float32 error", "× original's", "× alone")
# What a narrow terminal does without, the first to go first.
SPARE = ("float32 error", "shape", "× original's", "float64 error", "× alone")


class VerificationScreen:
    """Shows each event of a verification as it comes; to be used in a `with` block."""

    def __init__(self) -> None:
        self._bars: Bars | None = None
        self._task = TaskID(0)
        self._name = ""
        self._is_matched = False

    def __enter__(self) -> "VerificationScreen":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._end_bar()

    def __call__(self, event: Event) -> None:
        """Show one event."""
        match event:
            case Progress():
                self._advance(event)
            case Judged():
                self._end_bar()
                self._show(event.part, event.outcome)
            case Explained():
                print_diagnosis(event.diagnosis)
            case Skipped():
                self._end_bar()
                say(f"not judged: {', '.join(event.names)}: {event.why}")

    def _show(self, part: Part, outcome: Outcome) -> None:
        if isinstance(outcome, Report) and part is Part.LAYERS:
            self._is_matched = outcome.about.matching is not None
            print_taps(outcome.taps)
            for line in summarise(outcome.about):
                say(line)
        elif isinstance(outcome, Report) and (part is Part.VARIANT or self._is_matched):
            if failing := [tap for tap in outcome.taps if not tap.passed]:
                print_taps(failing)
        elif isinstance(outcome, TrainingReport) and self._is_matched:
            for line in list_failing_values(outcome):
                say(line)
        print_verdict(outcome)

    def _advance(self, event: Progress) -> None:
        if self._bars is None or self._name != event.name:
            self._end_bar()
            self._bars, self._name = progress_bar(), event.name
            self._task = self._bars.add_task(visible(event.name), total=event.total)
            self._bars.start()
        self._bars.update(
            self._task, completed=event.done, total=event.total, description=visible(event.doing)
        )

    def _end_bar(self) -> None:
        if self._bars is not None:
            self._bars.stop()
            self._bars = None


def print_taps(taps: Sequence[TapReport]) -> None:
    """Print a table, a row a tap, with as many figures as there is room for."""
    shown = table("tap", "shape", *FIGURES, "verdict")
    shown.columns[-1].justify = "left"
    for tap in taps:
        add_row(shown, *_cells(tap))
    show(shown, SPARE)


def print_verdict(outcome: Outcome) -> None:
    """Print the outcome in one line."""
    word, colour = ("PASSED", "green") if outcome.passed else ("FAILED", "bold red")
    told = f"{word}: {outcome.summary}; {outcome.about.seconds} s"
    Console().print(Text(visible_line(told), colour), highlight=False, soft_wrap=True)


def print_diagnosis(diagnosis: Explanation) -> None:
    """Print why a port failed, a line each."""
    console = Console()
    console.print(Text("diagnosis", "bold"))
    for line in diagnosis.lines:
        console.print(Text(f"  {visible_line(line)}"), soft_wrap=True)


def _cells(tap: TapReport) -> list[str | Text]:
    accumulated, alone = tap.accumulated, tap.isolated
    verdict = Text("same", "green") if tap.passed else Text(visible_line(tap.complaint), "bold red")
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
