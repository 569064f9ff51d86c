"""The documentation: pages made from the code are current, and the site builds as a whole."""

import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.docs.write import DOCS, PAGES

ROOT = DOCS.parent
CONFIG = tomllib.loads((ROOT / "zensical.toml").read_text(encoding="utf-8"))["project"]


@pytest.mark.parametrize("name", PAGES)
def test_a_page_made_from_the_code_is_current(name: str) -> None:
    assert (DOCS / name).read_text(encoding="utf-8") == PAGES[name](), (
        "python -m tests.docs.write writes it anew"
    )


def pages_in(nav: Any) -> Iterator[str]:
    """The files that a navigation leads to."""
    if isinstance(nav, str):
        yield nav
        return
    for inner in nav.values() if isinstance(nav, dict) else nav:
        yield from pages_in(inner)


def test_the_navigation_leads_to_every_page() -> None:
    every = {str(path.relative_to(DOCS)) for path in DOCS.rglob("*.md")}
    assert sorted(pages_in(CONFIG["nav"])) == sorted(every)


def build(folder: Path) -> "subprocess.CompletedProcess[str]":
    """Build the site of a folder with `docs` and `zensical.toml`, strictly."""
    return subprocess.run(
        [sys.executable, "-m", "zensical", "build", "--strict", "--clean"],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=120,
    )


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """What the site is built from."""
    shutil.copytree(DOCS, tmp_path / "docs")
    (tmp_path / "zensical.toml").write_bytes((ROOT / "zensical.toml").read_bytes())
    return tmp_path


def test_the_site_builds_without_a_warning_and_takes_nothing_from_elsewhere(copy: Path) -> None:
    built = build(copy)
    assert built.returncode == 0, built.stdout + built.stderr
    pages = sorted((copy / "site").glob("*.html"))
    assert {page.stem for page in pages} >= {path.stem for path in DOCS.glob("*.md")}
    for page in pages:
        loaded = re.findall(r'(?:src|rel="stylesheet" href)="([^"]+)"', page.read_text())
        assert not [each for each in loaded if "//" in each], page.name


@pytest.mark.parametrize("broken", ["nowhere.md", "verification.md#no-such-heading"])
def test_a_broken_link_is_an_error(broken: str, copy: Path) -> None:
    page = copy / "docs" / "index.md"
    page.write_text(page.read_text() + f"\n[broken]({broken})\n")
    assert build(copy).returncode != 0


def test_what_the_first_page_shows_is_what_the_tutorial_plays() -> None:
    shown = (DOCS / "index.md").read_text().partition("```\ndiagnosis\n")[2].partition("```")[0]
    played = (DOCS / "your_own_port.md").read_text()
    assert shown.count("\n") == 5
    assert all(line in played for line in shown.splitlines())


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md", "examples/README.md"])
def test_what_a_page_outside_of_the_site_links_to_is_there(page: str) -> None:
    path = ROOT / page
    links = re.findall(r"\]\(([^)#]+)", path.read_text(encoding="utf-8"))
    local = [link for link in links if "://" not in link]
    assert [link for link in local if not (path.parent / link).exists()] == []


def test_the_readme_can_be_read_at_one_sitting() -> None:
    assert (ROOT / "README.md").read_text(encoding="utf-8").count("\n") < 150
