"""A report as one HTML page that needs nothing else."""

from html import escape

from verify.engine.trajectory import TrajectoryReport
from verify.numerics.verdicts import Verdict
from verify.reports.plot import render as render_plot
from verify.reports.report import Outcome, Report, TapReport
from verify.reports.training_report import TrainingReport

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


def render(report: Report) -> str:
    """The page's text."""
    outcome, mark = ("passed", "good") if report.passed else ("FAILED", "bad")
    where = f" First failing layer: <code>{escape(report.first_failure or '')}</code>."
    about = "".join(
        f"<tr><td>{escape(str(key))}</td><td style='text-align:left'>{_told(value)}</td></tr>"
        for key, value in report.about.items()
    )
    rows = "".join(_row(tap) for tap in report.taps)
    further = "".join(_further(outcome) for outcome in report.further.values())
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{escape(report.name)}: {outcome}</title>
<style>{STYLE}</style></head><body>
<h1>{escape(report.name)}: <span class="{mark}">{outcome}</span></h1>
<p>{len(report.taps)} taps.{"" if report.passed else where}
Float64 errors are relative to the tap's largest magnitude; the ratio is the port's float32 error
over the original's own, both against the original in float64.</p>
{_diagnosis(report)}{HEAD}<tbody>{rows}</tbody></table>
{further}<h2>What was compared</h2><table><tbody>{about}</tbody></table>
</body></html>
"""


def _diagnosis(outcome: Outcome) -> str:
    """What is said of why it failed, a line an item."""
    if not isinstance(outcome, Report | TrainingReport) or outcome.diagnosis is None:
        return ""
    items = "".join(f"<li>{escape(line)}</li>" for line in outcome.diagnosis.lines)
    return f"<h2>Diagnosis</h2><ul>{items}</ul>\n"


def _told(value: object) -> str:
    """A value; what is long, folded, a line an entry."""
    if not isinstance(value, dict | list) or len(value) <= LONG:
        return escape(str(value))
    pairs = value.items() if isinstance(value, dict) else enumerate(value)
    lines = "<br>".join(escape(f"{key}: {entry}") for key, entry in pairs)
    return f"<details><summary>{len(value)} entries</summary>{lines}</details>"


def _further(outcome: Outcome) -> str:
    """The line of what else was judged; of its taps those that fail, of a trajectory the plot."""
    word, mark = ("passed", "good") if outcome.passed else ("FAILED", "bad")
    taps = outcome.taps if isinstance(outcome, Report) else ()
    failing = [tap for tap in taps if not tap.passed]
    rows = "".join(_row(tap) for tap in failing)
    table = f"{HEAD}<tbody>{rows}</tbody></table>" if failing else ""
    plot = render_plot(outcome) if isinstance(outcome, TrajectoryReport) else ""
    line = f"<span class='{mark}'>{word}</span>: {escape(outcome.summary)}"
    return f"<h2>{line}</h2>{_diagnosis(outcome)}{table}{plot}\n"


def _row(tap: TapReport) -> str:
    verdict = "<span class='good'>same</span>"
    if not tap.passed:
        verdict = f"<span class='bad'>{escape(tap.reason)}</span>"
    shape = "×".join(map(str, tap.shape))
    cells = _figures(tap.accumulated) + _figures(tap.isolated)
    return f"<tr><td>{escape(tap.name)}</td><td>{shape}</td>{cells}<td>{verdict}</td></tr>\n"


def _figures(verdict: Verdict | None) -> str:
    if verdict is None:
        return "<td>–</td><td>–</td>"
    return f"<td>{verdict.function.relative:.1e}</td><td>{verdict.ratio:.2f}</td>"
