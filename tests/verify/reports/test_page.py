"""The report page as text: it needs nothing else, speaks as the terminal does, escapes names."""

import json
import re
from dataclasses import replace
from html import unescape
from typing import Any
from xml.etree import ElementTree

import pytest

from tests.verify.reports.samples import COURSE, GUILTY, SAMPLES, own_failing, tvn_failing
from verify import About, Report
from verify.reports.outcome import to_json
from verify.reports.page import render
from verify.reports.page.blocks import blocks_of
from verify.reports.page.chart import Chart, Series, draw
from verify.reports.page.charts import COURSES, draw_trajectory
from verify.reports.report import TapReport


def words(page: str) -> str:
    """What is to be read on a page, styles and scripts apart."""
    shown = re.sub(r"<(style|script)\b.*?</\1>", " ", page, flags=re.S)
    return " ".join(unescape(re.sub(r"<[^>]*>", "", shown)).split())


@pytest.mark.parametrize("sample", SAMPLES)
def test_a_page_needs_nothing_else_and_says_what_the_terminal_says(sample: str) -> None:
    report = SAMPLES[sample]()
    page = report.to_html()
    reached = re.findall(r"""(?:src|href|url)\s*[=(]\s*["']?([^"')\s>]+)""", page)
    assert {link for link in reached if not link.startswith("#")} == {"data:,"}
    assert "default-src 'none'" in page
    told = words(page)
    assert ("PASSED" if report.passed else "FAILED") in told
    assert report.summary in told
    for outcome in report.further.values():
        assert outcome.summary in told
    for tap in report.taps:
        assert tap.name in told and (tap.passed or tap.complaint in told)


@pytest.mark.parametrize("sample", SAMPLES)
def test_json_says_all_that_the_page_shows(sample: str) -> None:
    report = SAMPLES[sample]()
    assert render(json.loads(report.to_json())) == report.to_html()


def test_the_guilty_come_before_all_others_with_their_causes() -> None:
    told = words(tvn_failing().to_html())
    assert told.index(GUILTY) < told.index("Block-0-0")
    assert "1 layer is wrong by itself" in told
    assert "batch-norm epsilon 1e-3 explains 100.0 %" in told
    assert "confirmed: with that mended and run on, nothing differs" in told


def test_what_follows_from_a_guilty_layer_is_not_marked_like_it() -> None:
    page = tvn_failing().to_html()
    failed = [tap.name for tap in tvn_failing().taps if not tap.passed]
    states = {
        name: state
        for state, name in re.findall(
            r'<tr class="(\w+)" id="tap\d+".*?<code>(.*?)</code>', page, flags=re.S
        )
    }
    assert {state for name, state in states.items() if name in failed} == {"guilty", "follows"}
    assert [name for name, state in states.items() if state == "guilty"] == [GUILTY]
    assert page.count('class="cell bad" data-open') == 1


def test_diagnoses_of_training_are_on_the_page() -> None:
    training = own_failing().further["training"]
    lines = training.to_dict()["diagnosis"]["lines"]
    told = words(own_failing().to_html())
    assert lines and all(line in told for line in lines)


HOSTILE = "</script><b>\x1b[2J\u202e'\"&{{ 7*7 }}"


def test_names_are_text_whatever_they_hold() -> None:
    tap = TapReport(HOSTILE, (2, 3), None, None)
    about = About(remarks={HOSTILE: {HOSTILE: [HOSTILE]}, "blocks": [{HOSTILE: HOSTILE}]})
    page = Report(HOSTILE, [tap], about, made={"command": HOSTILE}).to_html()
    assert "<b>" not in page and "\x1b" not in page and "\u202e" not in page and "49" not in page
    assert page.count("</script>") == 2  # the data's and the script's own
    assert words(page).count("</script><b>\\x1b[2J\\u202e'\"&{{ 7*7 }}") >= 5


def test_a_report_of_nothing_is_a_page_too() -> None:
    told = words(Report("nothing", []).to_html())
    assert "FAILED" in told and "there is none" in told


def test_a_notebook_shows_the_verdict_and_the_guilty() -> None:
    told = words(tvn_failing()._repr_html_())
    assert told.startswith("FAILED tvn differs at") and GUILTY in told
    assert words(SAMPLES["tvn, right"]()._repr_html_()).startswith("PASSED")
    assert len(repr(tvn_failing()).splitlines()) == 1


def test_a_course_of_training_is_drawn_with_its_bands_and_a_legend() -> None:
    plot = draw_trajectory(COURSE.to_dict())
    said = "".join(ElementTree.fromstring(plot).itertext())
    assert all(label in said for label, _, _ in COURSES)
    assert plot.count("fill-opacity") == len(COURSES)
    assert draw_trajectory(json.loads(to_json(COURSE.to_dict()))) == plot, "JSON says less"


def points(svg: str) -> list[tuple[float, float]]:
    (path,) = re.findall(r'<g data-series="a"><title>a</title><path d="M([^"]*)"', svg)
    return [tuple(map(float, point.split())) for point in path.split("L")]  # type: ignore[misc]


def test_a_chart_is_logarithmic_and_has_room_for_zero_and_infinity() -> None:
    values = [1e-8, 1e-6, 1e-4, 0.0, float("inf"), float("nan")]
    drawn = points(draw(Chart("t", "x", "y", list("abcdef"), [Series("a", "a", "port", values)])))
    (_, low), (_, middle), (_, high), (_, zero), (_, infinite) = drawn
    assert low - middle == pytest.approx(middle - high, abs=0.2)
    assert zero > low > high > infinite
    assert [x for x, _ in drawn] == sorted(x for x, _ in drawn)


def named(*names: str) -> dict[str, Any]:
    return {"taps": [{"name": name} for name in names]}


def test_layers_without_stages_are_grouped_by_their_names() -> None:
    made = blocks_of(named("stem", "stem_bn", "stem_act", "dw", "dw_bn", "dw_act", "head"))
    assert [(block["name"], block["taps"], block["reads"]) for block in made] == [
        ("stem", [0, 1, 2], []),
        ("dw", [3, 4, 5], ["stem"]),
        ("head", [6], ["dw"]),
    ]
    assert len(blocks_of(named("conv2d", "batch", "relu", "conv2d_1", "batch_1"))) == 1


def test_blocks_are_the_stages_where_there_are_several() -> None:
    data = json.loads(tvn_failing().to_json())
    made = blocks_of(data)
    assert [block["name"] for block in made] == [stage["name"] for stage in data["stages"]]
    assert [number for block in made for number in block["taps"]] == [*range(len(data["taps"]))]
    assert all(set(block["reads"]) <= {b["name"] for b in made} for block in made)


def test_what_rests_on_what_is_at_the_top() -> None:
    report = replace(tvn_failing(), made={**tvn_failing().made, "command": "tvn verify --x"})
    told = words(report.to_html())
    top = told[told.index("What this rests on") : told.index("The net")]
    for what in ("tvn verify --x", "torch 2.", "tensorflow", "cores", "seed", "2×4×24×24×3"):
        assert what in top
