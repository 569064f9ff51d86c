"""A report as JUnit XML and as annotations: the guilty fail, what follows from them is skipped."""

import re
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.verify.reports.samples import GUILTY, SAMPLES, own_failing, tvn_failing
from verify import About, Report
from verify.reports.report import TapReport
from verify.testing.annotations import MOST, annotate
from verify.testing.junit import to_junit

# What Jenkins' schema (xunit-plugin, junit-10.xsd) lets an element hold: its attributes, those that
# must be there, and its children.
SCHEMA = {
    "testsuites": ("name time tests failures errors", "", "testsuite"),
    "testsuite": (
        "name tests failures errors group time skipped timestamp hostname id package file log url",
        "name tests failures errors",
        "testsuite properties testcase system-out system-err",
    ),
    "testcase": ("name time classname group", "name", "skipped error failure system-out"),
    "skipped": ("type message", "", ""),
    "failure": ("type message", "", ""),
}


def check(element: ElementTree.Element) -> None:
    allowed, needed, children = (words.split() for words in SCHEMA[element.tag])
    assert set(needed) <= set(element.keys()) <= set(allowed)
    assert re.fullmatch(r"[0-9]{0,3}(\.[0-9]*)?", element.get("time", ""))
    for child in element:
        assert child.tag in children
        check(child)


@pytest.mark.parametrize("sample", SAMPLES)
def test_junit_counts_what_it_lists_and_holds_to_the_schema(sample: str) -> None:
    report = SAMPLES[sample]()
    root = ElementTree.fromstring(to_junit(report, "group"))
    check(root)
    (suite,) = root
    cases = list(suite)
    assert int(suite.get("tests", "")) == len(cases) >= len(report.taps)
    for kind, tag in {"failures": "failure", "skipped": "skipped"}.items():
        assert int(suite.get(kind, "")) == sum(case.find(tag) is not None for case in cases)
    assert (suite.get("failures") == "0") is report.passed
    names = [case.get("name") for case in cases]
    assert len(set(names)) == len(names)
    assert names[: len(report.taps)] == [f"group[{tap.name}]" for tap in report.taps]


def test_the_guilty_are_told_apart_from_what_follows() -> None:
    suite = ElementTree.fromstring(to_junit(tvn_failing(), "tvn"))[0]
    failed = [case for case in suite if case.find("failure") is not None]
    assert [case.get("name") for case in failed] == [f"tvn[{GUILTY}]"]
    failure = failed[0].find("failure")
    assert failure is not None and "batch-norm epsilon" in (failure.text or "")
    follows = [found for case in suite if (found := case.find("skipped")) is not None]
    assert {found.get("type") for found in follows} == {"follows"}
    assert all(GUILTY in found.get("message", "") for found in follows)


def test_hostile_names_and_what_was_not_judged_are_xml_all_the_same() -> None:
    about = About(skipped={"probes: <b>\x00": "no \x1b[2J size\nbut one"})
    report = Report("a\x07b", [TapReport('"<&]]>\x01', (), None, None)], about)
    root = ElementTree.fromstring(to_junit(report, "a/b"))
    check(root)
    assert [case.get("name") for case in root[0]] == ['a/b["<&]]>\\x01]', "a/b[probes: <b>\\x00]"]
    skipped = root[0][1].find("skipped")
    assert skipped is not None and skipped.get("type") == "not judged"


def test_an_annotation_for_each_guilty_tap_at_its_line(tmp_path: Path) -> None:
    spec = tmp_path / "mine.py"
    source = ["class P:", "  def __init__(self):", "    self.stem_bn = 1", "", "def spec(): ..."]
    spec.write_text("\n".join(source))
    lines = list(annotate(own_failing(), "mine", spec))
    assert lines[0].startswith(
        f"::error title=mine[stem_bn] is wrong,file={spec},line=3::stem_bn [2, 8, 9, 4]: another"
    )
    assert lines[1].startswith(f"::error title=mine[stem_act] is wrong,file={spec},line=5::")
    assert "%0Acause: epsilon 1e-05 instead of 0.001, explains 100.0 %25" in lines[0]
    assert not any("\n" in line for line in lines)
    assert len(lines) == len(own_failing().guilty)


def test_a_right_port_has_no_annotations_and_a_very_wrong_one_not_too_many() -> None:
    assert list(annotate(SAMPLES["own, right"](), "mine")) == []
    many = Report("many", [TapReport(f"tap {i}", (), None, None) for i in range(30)])
    lines = list(annotate(many, "a:b,c", Path("nowhere.py")))
    assert len(lines) == MOST
    assert lines[0].startswith("::error title=a%3Ab%2Cc[tap 0] is wrong,file=nowhere.py::")
    assert lines[-1].startswith("::error title=a%3Ab%2Cc%3A 21 more are wrong::")
