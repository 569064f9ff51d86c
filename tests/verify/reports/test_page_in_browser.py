"""The report page in headless Chromium: no errors, no network, and all of it works.

Skipped where there is no Chromium; `make test-page` installs it and runs these.
"""

import shutil
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import pytest

from tests.verify.reports.samples import GUILTY, SAMPLES, tvn_failing

sync_api = pytest.importorskip("playwright.sync_api")
axe = pytest.importorskip("axe_playwright_python.sync_playwright")

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
pytestmark = [
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here: make test-page installs it"),
    pytest.mark.xdist_group("browser"),
]


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with sync_api.sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield started
        started.close()


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The address of each sample's page."""
    folder = tmp_path_factory.mktemp("pages")
    for number, sample in enumerate(SAMPLES):
        (folder / f"{number}.html").write_text(SAMPLES[sample]().to_html(), "utf-8")
    return {sample: (folder / f"{n}.html").as_uri() for n, sample in enumerate(SAMPLES)}


class Opened:
    """A page, and all that went wrong or out while it was open."""

    def __init__(self, browser: Any, address: str, **options: Any) -> None:
        self.page = browser.new_page(**{"viewport": {"width": 1200, "height": 900}, **options})
        self.wrong: list[str] = []
        self.page.on("console", lambda said: self.wrong.append(said.text))
        self.page.on("pageerror", lambda error: self.wrong.append(str(error)))
        self.page.on("request", lambda request: self._note(request.url, address))
        self.page.goto(address)

    def _note(self, url: str, address: str) -> None:
        if url.partition("#")[0] != address and not url.startswith("data:"):
            self.wrong.append(url)

    def shown(self) -> list[str]:
        """The names of the layers in the table, in their order."""
        found: list[str] = self.page.locator("#table .opens:visible").all_inner_texts()
        return found


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("sample", SAMPLES)
def test_a_page_is_without_errors_network_overflow_and_barriers(
    browser: Any, pages: dict[str, str], sample: str, scheme: str
) -> None:
    for width in (1200, 400):
        size = {"width": width, "height": 800}
        opened = Opened(browser, pages[sample], color_scheme=scheme, viewport=size)
        for name in ("all", "guilty") if not SAMPLES[sample]().passed else ("all",):
            opened.page.locator(f'input[name="show"][value="{name}"]').check()
        opened.page.locator(".opens:visible").first.click()
        found = axe.Axe().run(opened.page).response["violations"]
        assert [(each["id"], each["nodes"][0]["html"]) for each in found] == []
        assert opened.page.evaluate("document.documentElement.scrollWidth") <= width
        assert opened.wrong == []
        opened.page.close()


@pytest.fixture
def failing(browser: Any, pages: dict[str, str]) -> Iterator[Opened]:
    opened = Opened(browser, pages["tvn, wrong"])
    yield opened
    assert opened.wrong == []
    opened.page.close()


def test_a_failing_report_begins_with_the_guilty_layer(failing: Opened) -> None:
    assert failing.shown() == [GUILTY]
    top = failing.page.locator(".culprits h3").first
    assert GUILTY in top.inner_text()
    assert top.bounding_box()["y"] < 500  # on the first screen
    assert failing.page.locator("button.cell.bad").count() == 1


def test_layers_are_filtered(failing: Opened) -> None:
    names = [tap.name for tap in tvn_failing().taps]
    failing.page.get_by_role("radio", name="all").check()
    assert failing.shown() == names
    failing.page.get_by_role("radio", name="not the same").check()
    assert failing.shown() == [tap.name for tap in tvn_failing().taps if not tap.passed]
    failing.page.get_by_role("radio", name="all").check()
    failing.page.get_by_role("searchbox", name="Name").fill("squeeze 2d_1")
    assert failing.shown() == [n for n in names if "Squeeze" in n and "2d_1" in n] != []
    assert failing.page.locator("#found").inner_text() == f"1 of {len(names)} shown"


def test_layers_are_sorted_and_unsorted(failing: Opened) -> None:
    names = [tap.name for tap in tvn_failing().taps]
    failing.page.get_by_role("radio", name="all").check()
    heading = failing.page.locator("#table thead button").filter(has_text="float64 error")
    heading.click()
    errors = {t.name: t.accumulated.function.relative for t in tvn_failing().taps if t.accumulated}
    shown = [errors[name] for name in failing.shown()]
    assert shown == sorted(shown, reverse=True)
    heading.click()
    assert [errors[name] for name in failing.shown()] == sorted(shown)
    cell = failing.page.locator("#table th[aria-sort]")
    assert cell.count() == 1 and cell.get_attribute("aria-sort") == "ascending"
    heading.click()
    assert failing.shown() == names


def test_a_square_opens_its_layer_with_its_pictures(failing: Opened) -> None:
    name = tvn_failing().taps[0].name
    failing.page.locator("button.cell").first.click()
    row = failing.page.locator("#table .opens:focus")
    assert row.inner_text() == name and row.get_attribute("aria-expanded") == "true"
    assert failing.page.get_by_role("radio", name="all").is_checked()
    failing.page.locator(f'.culprits a:has-text("{GUILTY}")').click()
    row = failing.page.locator("#table .opens:focus")
    detail = failing.page.locator(f"#{row.get_attribute('aria-controls')}")
    said = [svg.get_attribute("aria-label") for svg in detail.locator("svg").all()]
    assert [text.split()[0] for text in said] == ["Histogram", "Map", "Errors"]
    row.click()
    assert not detail.is_visible()


def test_the_plot_is_read_by_pointer_and_by_keys(failing: Opened) -> None:
    taps = tvn_failing().taps
    plot = failing.page.locator('[data-chart="depth"]')
    plot.scroll_into_view_if_needed()
    box = plot.locator(".frame").bounding_box()
    failing.page.mouse.move(box["x"] + box["width"] * 0.99, box["y"] + box["height"] / 2)
    assert plot.locator(".where").inner_text() == taps[-1].name
    canvas = plot.locator(".canvas")
    canvas.focus()
    canvas.press("Home")
    canvas.press("ArrowRight")
    assert plot.locator(".where").inner_text() == taps[1].name
    canvas.press("Enter")
    assert failing.page.locator("#table .opens:focus").inner_text() == taps[1].name
    canvas.press("End")
    found = taps[-1].accumulated
    assert found is not None
    assert f"port, float64: {found.function.relative:.1e}" in plot.locator(".read").inner_text()


def test_lines_of_the_plot_go_off_and_on(failing: Opened) -> None:
    plot = failing.page.locator('[data-chart="depth"]')
    line, box = plot.locator('[data-series="port32-alone"]'), plot.locator('[value="port32-alone"]')
    assert not line.is_visible() and not box.is_checked()
    box.check()
    assert line.is_visible()
    box.uncheck()
    assert not line.is_visible()


def test_dark_and_light_differ_and_paper_is_light(failing: Opened) -> None:
    page = failing.page
    colour = "getComputedStyle(document.body).backgroundColor"
    light = page.evaluate(colour)
    page.emulate_media(color_scheme="dark")
    assert page.evaluate(colour) != light
    page.emulate_media(media="print")
    assert page.evaluate(colour) == light
    assert not page.locator(".top").is_visible()
    assert page.locator(".culprits").is_visible()


def test_without_scripts_all_layers_can_be_read(browser: Any, pages: dict[str, str]) -> None:
    opened = Opened(browser, pages["tvn, wrong"], java_script_enabled=False)
    assert len(opened.shown()) == len(tvn_failing().taps)
    opened.page.close()


def test_headings_and_landmarks_tell_the_page(failing: Opened) -> None:
    levels = [
        int(each.evaluate("node => node.tagName")[1])
        for each in failing.page.locator("h1, h2, h3").all()
    ]
    assert levels[0] == 1 and levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))
    for landmark in ("main", "nav", "header"):
        assert failing.page.locator(landmark).count() == 1
