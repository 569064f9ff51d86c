"""docs/your_own_port.md: what it shows is what happens."""

from pathlib import Path

import pytest

from tests.verify.custom.tutorial import changed, play, run_here, without_figures

PAGE = Path(__file__).parents[3] / "docs" / "your_own_port.md"


def test_what_the_page_shows_is_what_happens(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    page = PAGE.read_text()
    assert without_figures(play(page, run_here)) == without_figures(page)


def test_a_change_that_does_not_fit_the_file_is_refused() -> None:
    assert changed("a\nb\n", "-b\n+c\n+d\n") == "a\nc\nd\n"
    with pytest.raises(ValueError, match="0 places"):
        changed("a\nb\n", "-x\n+c\n")
