"""The page's text, from the templates beside this file."""

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from port.text import LONGEST_MESSAGE, visible
from verify.reports.outcome import to_json
from verify.reports.page import words
from verify.reports.page.view import view

HERE = Path(__file__).parent
# Lines of a list, or rows of a table, that are shown without being asked for.
LONG = 12


def render(data: Mapping[str, Any]) -> str:
    """The page's text.

    Args:
        data: what `Report.to_dict` gives, or what was read from a report's JSON.
    """
    return _environment().get_template("report.html.j2").render(
        **view(_as_read(data)),
        style=_own("style.css"),
        script=_own("script.js"),
        long=LONG,
    )  # fmt: skip


def render_summary(data: Mapping[str, Any]) -> str:
    """The verdict and the guilty layers, as a fragment for a notebook."""
    return _environment().get_template("summary.html.j2").render(**view(_as_read(data)))


def _as_read(data: Mapping[str, Any]) -> Any:
    """The same, whether it comes from Python or from a file: JSON has no infinity."""
    return json.loads(to_json(dict(data)))


def _own(name: str) -> Markup:
    """A file of ours, to stand in the page as it is."""
    return Markup((HERE / name).read_text("utf-8"))


@cache
def _environment() -> Environment:
    made = Environment(
        loader=FileSystemLoader(HERE),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_shown,
    )
    made.filters |= {"percent": words.percent, "plain": words.plain}
    made.filters |= {"drawn": Markup, "as_script": _as_script}
    made.tests |= {"table": _is_table}
    return made


def _shown(value: Any) -> Any:
    """Foreign text, made fit to be shown; escaping it is the template's own business."""
    return value if isinstance(value, Markup) else visible(value, LONGEST_MESSAGE)


def _as_script(value: Any) -> Markup:
    """JSON inside of a script element, which no text in it can end."""
    text = json.dumps(value, separators=(",", ":"), ensure_ascii=True)
    return Markup(text.replace("<", "\\u003c"))


def _is_table(value: Any) -> bool:
    """A list of dictionaries, such as the blocks of a net: shown as a table."""
    return isinstance(value, list) and bool(value) and all(isinstance(v, dict) for v in value)
