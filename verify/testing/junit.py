"""A report as JUnit XML, which Jenkins, GitLab and their like show as a list of tests."""

from collections import Counter
from xml.etree import ElementTree

from port.text import LONGEST_MESSAGE, visible
from verify.reports.report import Report
from verify.testing.rows import FAILED, FOLLOWS, NOT_JUDGED, PASSED, Row, case_name, rows_of


def to_junit(report: Report, group: str) -> str:
    """One test case a tap and value, under the names of pytest's plugin.

    A tap that is wrong only because of what came before is skipped, of type `follows`, and says
    because of what; what could not be judged is skipped, of type `not judged`.

    Args:
        report: what a verification found.
        group: what stands in front of the brackets; the plugin takes the spec file's stem.
    """
    rows = rows_of(report)
    counts = Counter(row["outcome"] for row in rows)
    outcomes = (report, *report.further.values())
    totals = {
        "name": visible(report.name),
        "tests": str(len(rows)),
        "failures": str(counts[FAILED]),
        "errors": "0",
        "time": f"{sum(outcome.about.seconds or 0 for outcome in outcomes):.1f}",
    }
    root = ElementTree.Element("testsuites", totals)
    skipped = str(counts[FOLLOWS] + counts[NOT_JUDGED])
    suite = ElementTree.SubElement(root, "testsuite", {**totals, "skipped": skipped})
    for row in rows:
        _add_case(suite, row, group)
    ElementTree.indent(root)
    return ElementTree.tostring(root, "unicode", xml_declaration=True) + "\n"


def _add_case(suite: ElementTree.Element, row: Row, group: str) -> None:
    name = visible(case_name(group, row))
    case = ElementTree.SubElement(suite, "testcase", name=name, classname=visible(group))
    if row["outcome"] == PASSED:
        return
    # XML has no place for control characters, and layers may be called whatever.
    lines = [visible(line, LONGEST_MESSAGE) for line in row["text"].splitlines()] or [""]
    if row["outcome"] == FAILED:
        told = ElementTree.SubElement(case, "failure", type="difference", message=lines[0])
        told.text = "\n".join(lines)
    else:
        ElementTree.SubElement(case, "skipped", type=row["outcome"], message=" ".join(lines))
