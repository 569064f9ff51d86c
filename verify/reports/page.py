"""A report as one HTML page that needs nothing else, made from the report's data alone."""

import html
from collections.abc import Mapping
from typing import Any

from port.text import LONGEST_MESSAGE, visible
from verify.reports.plot import draw_trajectory

Data = Mapping[str, Any]

STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 72rem; padding: 0 1rem }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums }
th, td { padding: .2rem .6rem; text-align: right; border-bottom: 1px solid #8884 }
th:first-child, td:first-child { text-align: left; font-family: ui-monospace, monospace }
thead th { position: sticky; top: 0; background: Canvas }
.bad { color: #b00020; font-weight: 600 } .good { color: #1b7f3b; font-weight: 600 }
:root { color-scheme: light dark }
"""

# Entries of what was compared that are shown at once.
LONG = 12

HEAD = """<table><thead><tr><th rowspan="2">tap</th><th rowspan="2">shape</th>
<th colspan="2">accumulated</th><th colspan="2">isolated</th><th rowspan="2">verdict</th></tr>
<tr><th>float64</th><th>ratio</th><th>float64</th><th>ratio</th></tr></thead>
"""


def render(data: Data) -> str:
    """The page's text.

    Args:
        data: what `Report.to_dict` gives, or what was read from a report's JSON.
    """
    outcome, mark = ("passed", "good") if data["passed"] else ("FAILED", "bad")
    where = f" First failing layer: <code>{_escape(data['first_failure'] or '')}</code>."
    about = "".join(
        f"<tr><td>{_escape(str(key))}</td><td style='text-align:left'>{_told(value)}</td></tr>"
        for key, value in data["about"].items()
    )
    rows = "".join(_row(tap) for tap in data["taps"])
    further = "".join(_further(outcome) for outcome in data["further"].values())
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{_escape(data["name"])}: {outcome}</title>
<style>{STYLE}</style></head><body>
<h1>{_escape(data["name"])}: <span class="{mark}">{outcome}</span></h1>
<p>{len(data["taps"])} taps.{"" if data["passed"] else where}
Float64 errors are relative to the tap's largest magnitude; the ratio is the port's float32 error
over the original's own, both against the original in float64.</p>
{_diagnosis(data)}{HEAD}<tbody>{rows}</tbody></table>
{further}<h2>What was compared</h2><table><tbody>{about}</tbody></table>
</body></html>
"""


def _escape(text: str) -> str:
    """Foreign text for HTML."""
    return html.escape(visible(text, LONGEST_MESSAGE))


def _diagnosis(outcome: Data) -> str:
    """What is said of why it failed, a line an item."""
    diagnosis = outcome.get("diagnosis")
    if diagnosis is None:
        return ""
    items = "".join(f"<li>{_escape(line)}</li>" for line in diagnosis["lines"])
    return f"<h2>Diagnosis</h2><ul>{items}</ul>\n"


def _told(value: object) -> str:
    """A value; what is long, folded, a line an entry."""
    if not isinstance(value, dict | list) or len(value) <= LONG:
        return _escape(str(value))
    pairs = value.items() if isinstance(value, dict) else enumerate(value)
    lines = "<br>".join(_escape(f"{key}: {entry}") for key, entry in pairs)
    return f"<details><summary>{len(value)} entries</summary>{lines}</details>"


def _further(outcome: Data) -> str:
    """The line of what else was judged; of its taps those that fail, of a trajectory the plot."""
    word, mark = ("passed", "good") if outcome["passed"] else ("FAILED", "bad")
    judged = [tap for tap in outcome.get("taps", ()) if "accumulated" in tap]
    rows = "".join(_row(tap) for tap in judged if not tap["passed"])
    table = f"{HEAD}<tbody>{rows}</tbody></table>" if rows else ""
    plot = draw_trajectory(outcome) if "crossed" in outcome else ""
    line = f"<span class='{mark}'>{word}</span>: {_escape(outcome['summary'])}"
    return f"<h2>{line}</h2>{_diagnosis(outcome)}{table}{plot}\n"


def _row(tap: Data) -> str:
    verdict = "<span class='good'>same</span>"
    if not tap["passed"]:
        verdict = f"<span class='bad'>{_escape(tap['reason'])}</span>"
    shape = "×".join(map(str, tap["shape"]))
    cells = _figures(tap["accumulated"]) + _figures(tap["isolated"])
    return f"<tr><td>{_escape(tap['name'])}</td><td>{shape}</td>{cells}<td>{verdict}</td></tr>\n"


def _figures(verdict: Data | None) -> str:
    if verdict is None:
        return "<td>–</td><td>–</td>"
    error, ratio = verdict["float64_relative_error"], verdict["ratio"]
    return f"<td>{_number(error, '.1e')}</td><td>{_number(ratio, '.2f')}</td>"


def _number(value: float | None, form: str) -> str:
    """JSON has no infinity: it is null there."""
    return "∞" if value is None else format(value, form)
