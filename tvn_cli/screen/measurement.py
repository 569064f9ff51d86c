"""The terminal's view of how often the verifier is wrong."""

from collections.abc import Sequence
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from port.text import visible
from verify.measure.summary import Summary


def print_summary(summary: Summary) -> None:
    """Print what became of the mutants, the other criteria's rates, and the bars."""
    console = Console()
    if not console.is_terminal:
        console = Console(width=120)
    console.print(_mutants(summary))
    console.print(_criteria(summary))
    console.print(_bars(summary))
    for row in [r for r in summary.wrong if not r["first"]][:20]:
        said = f"missed: {row['fault']} in {row['case']}, {row['tap']}"
        console.print(Text(visible(said), "bold red"))
    for row in [r for r in summary.variants if not r["passed"]][:20]:
        said = f"{row['case']}, {row['variant']}, {row['clips']}: {row['first']}, {row['reason']}"
        console.print(Text(visible(f"false alarm: {said}"), "bold red"))


def _table(title: str, *columns: str) -> Table:
    table = Table(title=title, title_justify="left", box=None, header_style="bold", pad_edge=False)
    for column in columns:
        table.add_column(column, justify="left" if column == columns[0] else "right")
    return table


def _mutants(summary: Summary) -> Table:
    table = _table("\nmutants", "family", "planted", "equivalent", "seen", "missed", "first layer")
    for row in summary.families():
        table.add_row(row["family"], *_counted(row))
    return table


def _counted(row: dict[str, Any]) -> Sequence[str]:
    place = f"{row['first_layer_right'] / row['seen']:.1%}" if row["seen"] else "–"
    return (*(str(row[key]) for key in ("mutants", "equivalent", "seen", "missed")), place)


def _criteria(summary: Summary) -> Table:
    table = _table("\nby criterion", "criterion", "missed", "of", "false alarms", "of right")
    for row in summary.others():
        missed = f"{row['missed'] / row['mutants']:.1%}" if row["mutants"] else "–"
        alarms = f"{row['false_alarms'] / row['right_ports']:.1%}" if row["right_ports"] else "–"
        table.add_row(
            row["criterion"], missed, str(row["mutants"]), alarms, str(row["right_ports"])
        )
    return table


def _bars(summary: Summary) -> Table:
    table = _table("\nbars", "what", "reached", "wanted", "of", "")
    for bar in summary.bars:
        if bar.of:
            word = Text("passed", "green") if bar.passed else Text("FAILED", "bold red")
            table.add_row(bar.what, f"{bar.value:.2%}", f"{bar.least:.0%}", str(bar.of), word)
    return table
