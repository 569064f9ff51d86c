"""What fails, as annotations that GitHub shows beside the lines of a pull request."""

import ast
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from verify.reports.report import Report
from verify.testing.rows import FAILED, Row, case_name, rows_of

# GitHub shows so many of one step, and drops the others without a word.
MOST = 10


def annotate(report: Report, group: str, spec: Path | None = None) -> Iterator[str]:
    """A workflow command for each tap and value that is wrong by itself.

    Args:
        report: what a verification found.
        group: what stands in front of a test's brackets.
        spec: the file that describes the comparison; the line is the layer's, if just one there
            makes it, or that of the spec.
    """
    failed = [row for row in rows_of(report) if row["outcome"] == FAILED]
    shown = failed if len(failed) <= MOST else failed[: MOST - 1]
    for row in shown:
        place = {} if spec is None else _place(spec, _attribute(report, row))
        yield _error({"title": f"{case_name(group, row)} is wrong", **place}, row["text"])
    if more := len(failed) - len(shown):
        yield _error({"title": f"{group}: {more} more are wrong"}, report.summary)


def _error(properties: dict[str, str], message: str) -> str:
    told = ",".join(f"{name}={_escaped(value, ':,')}" for name, value in properties.items())
    return f"::error {told}::{_escaped(message)}"


def _escaped(text: str, also: str = "") -> str:
    """As GitHub reads it back: what would end a command, or a property of it, as its code."""
    return "".join(f"%{ord(c):02X}" if c in f"%\r\n{also}" else c for c in text)


def _attribute(report: Report, row: Row) -> str:
    """The last name on the path of the module that computes the tap."""
    matching = report.about.matching
    path = matching.taps.get(row["name"], "") if matching else ""
    return path.split(" ")[0].split("#")[0].rpartition(".")[2]


def _place(spec: Path, attribute: str) -> dict[str, str]:
    with suppress(OSError, SyntaxError, ValueError):
        lines = _lines(ast.parse(spec.read_bytes()), attribute)
        return {"file": str(spec), "line": str(lines[0])} if lines else {"file": str(spec)}
    return {"file": str(spec)}


def _lines(tree: ast.Module, attribute: str) -> list[int]:
    """The one line that assigns `self.attribute`, else the spec's."""
    made = [
        node.lineno
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign)
        and any(isinstance(t, ast.Attribute) and t.attr == attribute for t in node.targets)
    ]
    if len(made) == 1:
        return made
    return [n.lineno for n in tree.body if isinstance(n, ast.FunctionDef) and n.name == "spec"]
