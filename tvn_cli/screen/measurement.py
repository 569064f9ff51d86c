"""The terminal's view of how often the verifier is wrong."""

from collections.abc import Sequence
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from port.text import visible
from verify.measure.custom.summary import CustomSummary
from verify.measure.summary import Summary


def print_summary(summary: Summary) -> None:
    """Print what became of the mutants, the other criteria's rates, and the bars."""
    console = _console()
    console.print(_mutants(summary))
    console.print(_criteria(summary))
    console.print(_bars(summary))
    for row in [r for r in summary.wrong if not r["first"]][:20]:
        said = f"missed: {row['fault']} in {row['case']}, {row['tap']}"
        console.print(Text(visible(said), "bold red"))
    for row in [r for r in summary.variants if not r["passed"]][:20]:
        said = f"{row['case']}, {row['variant']}, {row['clips']}: {row['first']}, {row['reason']}"
        console.print(Text(visible(f"false alarm: {said}"), "bold red"))


def _console() -> Console:
    """A pipe has no width that tables must be cut to."""
    console = Console()
    return console if console.is_terminal else Console(width=120)


def print_custom_summary(summary: CustomSummary) -> None:
    """Print what became of the mutants and right ports of anybody's nets, and the bars."""
    console = _console()
    console.print(_custom_mutants(summary))
    console.print(_forms(summary))
    console.print(_bars(summary))
    for row in [r for r in summary.shown if r["outcome"] == "missed"][:20]:
        console.print(Text(visible(f"missed: {row['mutant']}"), "bold red"))
    for row in [r for r in summary.right if r["outcome"] != "passed"][:20]:
        said = f"{row['net']}, {row['form']}: {row['outcome']}: {row.get('first')}, {row['said']}"
        console.print(Text(visible(f"right port: {said}"), "bold red"))


def _custom_mutants(summary: CustomSummary) -> Table:
    columns = ("planted", "equivalent", "failed", "missed", "not run", "first layer", "named")
    table = _table("\nmutants", "family", *columns)
    for key in ("how", "family"):
        for row in summary.groups(key):
            killed = row["first_layer_of"]
            shares = (
                _share(row["first_layer_right"], killed),
                _share(row["named_first"], killed - row["stopped"]),
            )
            not_run = row["refused"] + row["crashed"] + row["stillborn"]
            counts = (row["planted"], row["equivalent"], row["killed"], row["missed"], not_run)
            table.add_row(row[key], *map(str, counts), *shares)
    return table


def _share(some: int, of: int) -> str:
    return f"{some / of:.1%}" if of else "–"


def _forms(summary: CustomSummary) -> Table:
    columns = ("passed", "failed", "refused", "crashed")
    table = _table("\nright ports", "form", *columns)
    for row in summary.forms():
        table.add_row(row["form"], *(str(row.get(name, 0)) for name in columns))
    return table


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


def _bars(summary: Summary | CustomSummary) -> Table:
    table = _table("\nbars", "what", "reached", "wanted", "of", "")
    for bar in summary.bars:
        if bar.of:
            word = Text("passed", "green") if bar.passed else Text("FAILED", "bold red")
            table.add_row(bar.what, f"{bar.value:.2%}", f"{bar.least:.0%}", str(bar.of), word)
    return table
