"""Foreign strings are shown as one printable line of bounded length, and otherwise as they are."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.figure import Figure
from rich.console import Console
from rich.text import Text

from port.text import LONGEST_NAME, plottable, visible, visible_line
from tests.hostile import HOSTILE

# `st.text()` leaves surrogates out.
ANYTHING = st.text(st.characters(codec=None, exclude_categories=()))


@given(ANYTHING, st.integers(3, 40))
def test_what_is_shown_is_one_printable_line_of_bounded_length(text: str, limit: int) -> None:
    shown = visible(text, limit)
    assert shown.isprintable()
    assert len(shown) <= limit
    assert visible(shown, limit) == shown
    shown.encode()


@given(ANYTHING)
def test_what_is_printable_and_short_stays(text: str) -> None:
    plain = "".join(c for c in text if c.isprintable())
    assert visible(plain) == plain


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[2J", r"\x1b[2J"),
        ("a\nb", r"a\nb"),
        ("avi.\u202egnp", r"avi.\u202egnp"),
        ("\udcff", r"\xff"),
        ("\ud800", r"\ud800"),
        ("Fußball ✓ 運動", "Fußball ✓ 運動"),
    ],
)
def test_escapes_are_those_that_python_writes(text: str, shown: str) -> None:
    assert visible(text) == shown


def test_long_names_keep_both_ends() -> None:
    shown = visible("head" + "x" * 10**6 + "tail")
    assert len(shown) == LONGEST_NAME
    assert shown.startswith("headx")
    assert shown.endswith("xtail")
    assert "…" in shown


def test_a_message_of_many_lines_becomes_one() -> None:
    assert visible_line("first\n   second\x1b[2J\n") == r"first second\x1b[2J"


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE.keys())
def test_rich_and_matplotlib_show_it_as_it_is(text: str) -> None:
    console = Console(width=2 * LONGEST_NAME, force_terminal=True, no_color=True)
    with console.capture() as capture:
        console.print(Text(visible(text)))
    assert capture.get() == f"{visible(text)}\n"
    figure = Figure()
    escaped = figure.text(0, 0, plottable(text))
    plain = figure.text(0, 0, visible(text), parse_math=False)
    figure.draw_without_rendering()
    assert escaped.get_window_extent().width == plain.get_window_extent().width


def test_matplotlib_raises_for_what_is_not_escaped() -> None:
    figure = Figure()
    figure.text(0, 0, r"$\bad{$")
    with pytest.raises(ValueError, match="bad"):
        figure.draw_without_rendering()
