"""Tables for the terminal: names as they are, no number ever cut."""

from collections.abc import Sequence
from typing import cast

from rich.console import Console
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from port.text import visible

LONGEST = 60  # characters of a name on one line; what is longer goes on below


def table(*headings: str, title: str | None = None) -> Table:
    """A table whose first column holds names, and the others figures."""
    made = Table(title=title, box=None, padding=(0, 1, 0, 0), pad_edge=False)
    made.title_justify, made.header_style = "left", "bold"
    made.add_column(headings[0], max_width=LONGEST, overflow="fold")
    for heading in headings[1:]:
        made.add_column(heading, justify="right", no_wrap=True)
    return made


def add_row(made: Table, *cells: object) -> None:
    """Add a row; what is no `Text` is shown as it is, though it looked like rich's markup."""
    made.add_row(*(cell if isinstance(cell, Text) else Text(visible(cell)) for cell in cells))


def show(made: Table, spare: Sequence[str] = ()) -> None:
    """Print it whole; rows wider than the terminal go on in its next line.

    Args:
        made: the table.
        spare: headings of columns that a terminal has no room for may do without, the first to go
            first. A pipe gets them all.
    """
    console = Console()
    for heading in spare if console.is_terminal else ():
        if _needed(made) <= console.width:
            break
        made = _without(made, heading)
    # One more a column, or names are wrapped at their spaces for want of a padding not counted.
    Console(width=_needed(made) + len(made.columns)).print(made, soft_wrap=True)


def _without(made: Table, heading: str) -> Table:
    """A table of the other columns; rich counts on those that it was made with."""
    kept = [column for column in made.columns if column.header != heading]
    left = table(*(str(column.header) for column in kept), title=cast("str | None", made.title))
    for column, old in zip(left.columns, kept, strict=True):
        column.justify = old.justify
    for row in zip(*(column.cells for column in kept), strict=True):
        left.add_row(*row)
    return left


def _needed(made: Table) -> int:
    console = Console()
    return Measurement.get(console, console.options.update(max_width=10_000), made).maximum
