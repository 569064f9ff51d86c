"""`tvn compare`: two reports side by side, what got better and what got worse."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from absl.flags import FlagValues

from port.errors import InputError
from tvn_cli.flags import Flags
from tvn_cli.screen.say import fold, say, say_json

USAGE = "tvn compare FIRST.json SECOND.json [--json] [--verbose]"
LARGEST = 1 << 28  # bytes of a report; that of the largest net at the level full has a tenth
FEW = 20  # taps of a kind that are listed


def define(flags: Flags) -> None:
    """Declare the flags."""
    flags.switch("json", "print JSON")
    flags.verbose("list every tap and value that changed")


def main(values: FlagValues, arguments: Sequence[str]) -> int:
    """Print what changed; 1 if anything got worse."""
    from verify.reports.compare import Change, compare_reports

    if len(arguments) != 2:
        raise InputError("compare takes two reports: tvn compare FIRST.json SECOND.json")
    first, second = (_read(Path(path)) for path in arguments)
    rows = compare_reports(first, second)
    worse = any(row.change is Change.WORSE for row in rows)
    if values.json:
        changes = [
            {"name": row.name, "change": row.change, "before": _told(row.before),
             "after": _told(row.after)}
            for row in rows
        ]  # fmt: skip
        say_json({"worse": worse, "rows": changes}, 1)
        return int(worse)
    for path, data in zip(arguments, (first, second), strict=True):
        say(f"{path}: {'PASSED' if data['passed'] else 'FAILED'}: {data['summary']}")
    for change in Change:
        own = [row for row in rows if row.change is change]
        if own and change is not Change.UNCHANGED:
            _show(change, own, values.verbose)
    say(f"{sum(row.change is Change.UNCHANGED for row in rows)} of {len(rows)} unchanged")
    return int(worse)


def _show(change: str, rows: Sequence[Any], verbose: bool) -> None:
    from tvn_cli.screen.table import add_row, show, table

    shown, more = fold(rows, FEW, verbose)
    made = table(f"{change} ({len(rows)})", "before", "error", "after", "error")
    for row in shown:
        add_row(made, row.name, *_cells(row.before), *_cells(row.after))
    show(made, ("error",))
    if more:
        say(f"{more} more; --verbose lists them all")


def _cells(judged: Any) -> tuple[str, str]:
    if judged is None:
        return "–", "–"
    return str(judged.state), "–" if judged.error is None else f"{judged.error:.1e}"


def _told(judged: Any) -> dict[str, Any] | None:
    return None if judged is None else {"state": judged.state, "float64_error": judged.error}


def _read(path: Path) -> Any:
    """A report's data.

    Raises:
        InputError: there is no such file, or it is no report.
    """
    from port.untrusted import read_json
    from verify.reports.report import SCHEMA

    data = read_json(path, "a report that `tvn verify --json` wrote", LARGEST)
    if not isinstance(data, dict) or data.get("schema") != SCHEMA:
        raise InputError(f"{path}: no report of `tvn verify --json` ({SCHEMA})")
    return data
