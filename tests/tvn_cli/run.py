"""Running `tvn` in this process, as a terminal would see it."""

from dataclasses import dataclass

import pytest

from tvn_cli.main import main


@dataclass(frozen=True)
class Outcome:
    """What a command left behind."""

    status: int
    out: str
    err: str


def tvn(capsys: pytest.CaptureFixture[str], *arguments: object) -> Outcome:
    """Run one command."""
    status = main([str(argument) for argument in arguments])
    captured = capsys.readouterr()
    return Outcome(status, captured.out, captured.err)
