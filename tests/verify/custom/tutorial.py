"""Plays docs/your_own_port.md: its files are written, its changes made, its commands run.

In the page, a block that starts with `# FILE` is a file; a `diff` block changes the last file; and
of a `console` block each line behind a `$ ` is run, and what follows is what it printed.

    python -m tests.verify.custom.tutorial docs/your_own_port.md    # write what is printed now
"""

import contextlib
import io
import os
import re
import shlex
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

BLOCK = re.compile(r"^```(python|diff|console)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
Run = Callable[[list[str]], tuple[int, str]]


def play(page: str, run: Run) -> str:
    """The page with what its commands print now.

    Args:
        page: its text.
        run: a `tvn` command, without `tvn`, to its exit status and what it printed.
    """
    folder = Path.cwd()
    last: list[Path] = []

    def step(block: re.Match[str]) -> str:
        kind, text = block.groups()
        if kind == "python" and (name := re.match(r"# (\w+\.py)\n", text)):
            last[:] = [folder / name[1]]
            last[0].write_text(text)
        elif kind == "diff":
            last[0].write_text(changed(last[0].read_text(), text))
        elif kind == "console":
            return f"```console\n{''.join(_printed(text, run))}```"
        return block[0]

    return BLOCK.sub(step, page)


def changed(source: str, diff: str) -> str:
    """`source` with a change made: lines behind `-` become the lines behind `+`."""
    for old, new in re.findall(r"((?:^-.*\n)+)((?:^\+.*\n)*)", diff, re.MULTILINE):
        removed, added = (re.sub(r"^[-+]", "", lines, flags=re.MULTILINE) for lines in (old, new))
        if source.count(removed) != 1:
            raise ValueError(f"{source.count(removed)} places in the file for the change of\n{old}")
        source = source.replace(removed, added)
    return source


def _printed(text: str, run: Run) -> Iterator[str]:
    for line in text.splitlines():
        if line.startswith("$ "):
            _, *arguments = shlex.split(line[2:])
            status, out = run(arguments)
            yield f"{line}\n"
            yield "".join(f"{printed.rstrip()}\n" for printed in out.splitlines())
            if status:
                yield f"(exit status {status})\n"


def without_figures(page: str) -> str:
    """The page with `#` for every figure that rounding or time has a part in."""
    page = re.sub(r"\d\.\de[+-]\d\d|\d+\.\d+", "#", page)
    return re.sub(r" +", " ", page)


def run_here(arguments: list[str]) -> tuple[int, str]:
    """`tvn` in this process."""
    from tvn_cli.main import main

    printed = io.StringIO()
    with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(io.StringIO()):
        status = main(arguments)
    return status, printed.getvalue()


if __name__ == "__main__":
    path = Path(sys.argv[1]).resolve()
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        path.write_text(play(path.read_text(), run_here))
