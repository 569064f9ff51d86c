"""docs/recording.svg: wrong, cause, fixed, as the tutorial plays it, in a moving picture.

Three scenes follow one another, in CSS. Who asks for less motion sees the last one.
"""

import re
import textwrap
from collections.abc import Sequence
from html import escape
from pathlib import Path

DOCS = Path(__file__).parents[2] / "docs"
COLUMNS, LINES, WIDTH, LINE = 92, 16, 760, 20
SECONDS = 6  # a scene
COLOURS = {
    "$": "#9ecbff",
    "FAILED": "#ff8f8f",
    "PASSED": "#8fe388",
    "+": "#8fe388",
    "-": "#ff8f8f",
}


def write_recording() -> str:
    """The SVG."""
    scenes = scenes_of((DOCS / "your_own_port.md").read_text(encoding="utf-8"))
    height = LINES * LINE + 28
    whole = SECONDS * len(scenes)
    shown = 100 / len(scenes)
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img">',
        "<title>tvn verify names seven mistakes; they are fixed; it passes</title>",
        "<style>text{font:13px ui-monospace,Menlo,Consolas,monospace;fill:#d7dae0;white-space:pre}"
        f".s{{opacity:0;animation:s {whole}s steps(1) infinite}}"
        f"@keyframes s{{0%{{opacity:1}}{shown:.2f}%{{opacity:0}}}}"
        "@media(prefers-reduced-motion:reduce){.s{animation:none}.s:last-of-type{opacity:1}}"
        "</style>",
        f'<rect width="{WIDTH}" height="{height}" rx="8" fill="#1f232b"/>',
    ]
    for number, scene in enumerate(scenes):
        lines.append(f'<g class="s" style="animation-delay:{number * SECONDS}s">')
        lines += [_text(line, 24 + row * LINE) for row, line in enumerate(scene)]
        lines.append("</g>")
    return "\n".join([*lines, "</svg>", ""])


def scenes_of(page: str) -> list[list[str]]:
    """The first verdict with its causes, the changes that it led to, the last verdict."""
    played = [block.splitlines() for block in re.findall(r"```console\n(.*?)```", page, re.DOTALL)]
    first = next(lines for lines in played if any(map(_failed, lines)))
    last = next(lines for lines in played if any(map(_passed, lines)))
    causes = [line for line in first if " explains " in line]
    wrong = [first[0], "...", *filter(_failed, first), "diagnosis", *causes]
    changes = re.findall(r"```diff\n(.*?)```", page.partition("PASSED")[0], re.DOTALL)
    edits = [line for change in changes for line in change.splitlines()]
    fixed = [last[0], "...", *filter(_passed, last)]
    return [_fitted(wrong), _fitted(["my_port.py", *edits]), _fitted(fixed)]


def _failed(line: str) -> bool:
    return line.startswith("FAILED")


def _passed(line: str) -> bool:
    return line.startswith("PASSED")


def _fitted(lines: Sequence[str]) -> list[str]:
    """Lines that are too long are wrapped; what is too much at the end is left out, and said so."""
    wrapped = [
        part
        for line in lines
        for part in textwrap.wrap(
            line, COLUMNS, subsequent_indent="    ", drop_whitespace=False, replace_whitespace=False
        )
    ]
    return wrapped if len(wrapped) <= LINES else [*wrapped[: LINES - 1], "..."]


def _text(line: str, y: int) -> str:
    colour = next((value for start, value in COLOURS.items() if line.startswith(start)), "")
    style = f' style="fill:{colour}"' if colour else ""
    return f'<text x="16" y="{y}"{style}>{escape(line)}</text>'
