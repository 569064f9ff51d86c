"""Dispatch to the verbs, and what every verb shares: help, exit status, errors in one line.

Exit status: 0 done and every check passed; 1 a check failed; 2 the request or the input is bad.
Nothing that takes time is imported before a verb's flags are read.
"""

from collections.abc import Sequence
from contextlib import nullcontext
from importlib import import_module
from typing import TYPE_CHECKING, Protocol

from tvn_cli.screen.say import complain, quietly, say

if TYPE_CHECKING:
    from absl.flags import FlagValues

    from tvn_cli.flags import Flags

COMMANDS = {
    "models": "list the published nets, their cost, and the paper's figures",
    "convert": "TensorFlow weights to a safetensors file, and back",
    "inspect": "list what a file of TensorFlow weights holds",
    "init": "a spec to start a port of your own from, for a model in a file",
    "verify": "compare the port with the original, layer by layer",
    "compare": "two reports of verify side by side: what got better, what got worse",
    "data": "check, cache or generate a folder of videos",
    "finetune": "train on a folder of videos, and test",
    "evaluate": "test a run on the videos it has not seen",
    "predict": "what a trained net says of videos, as a whole and along their course",
    "export": "a weights file to ONNX",
    "benchmark": "how fast nets answer, here and in what else runs them",
    "measure-verifier": "how often the verifier misses a wrong port, or fails a right one",
    "demo": "all of it on seeded weights: checkpoint, convert, verify, classify",
}


class Command(Protocol):
    """What the module of a verb has."""

    USAGE: str

    def define(self, flags: "Flags") -> None:
        """Declare the verb's flags."""

    def main(self, values: "FlagValues", arguments: Sequence[str]) -> int:
        """Do it; return the exit status."""


def main(argv: Sequence[str]) -> int:
    """Run one command; return its exit status."""
    if not argv:
        say(*_overview().splitlines())
        return 2
    verb, *rest = argv
    if verb in ("-h", "--help", "help"):
        if not rest:
            say(*_overview().splitlines())
            return 0
        verb, rest = rest[0], ["--help"]
    if verb in ("--version", "version"):
        from tvn_cli.version import list_versions

        say(*list_versions())
        return 0
    if verb not in COMMANDS:
        return _refuse(f"{verb}: no such command; {_meant(verb)}")
    try:
        return _run_command(verb, rest)
    except Exception as error:
        from tvn_cli.process.failures import refusal

        if line := refusal(verb, error):
            return _refuse(line)
        raise


def _run_command(verb: str, rest: Sequence[str]) -> int:
    from absl import flags

    from tvn_cli.flags import Flags
    from tvn_cli.request import read_flags

    command: Command = import_module(f"tvn_cli.{verb.replace('-', '_')}")
    values = flags.FlagValues()
    declared = Flags(values)
    command.define(declared)
    declared.quiet()
    if any(argument in ("-h", "--help") for argument in rest):
        say(*_help(verb, command, values).splitlines())
        return 0
    arguments = read_flags(verb, values, rest)
    with quietly() if values.quiet else nullcontext():
        return command.main(values, arguments)


def no_arguments(arguments: Sequence[str], meant: str = "") -> None:
    """Refuse arguments that are no flags; `meant`: the flag that somebody may have had in mind."""
    from port.errors import InputError

    if arguments:
        told = f"did you mean --{meant}={arguments[0]}?" if meant else "it takes flags alone"
        raise InputError(f"{arguments[0]!r} is no flag; {told}")


def required(values: "FlagValues", *names: str) -> None:
    """Refuse a call without these flags."""
    from port.errors import InputError

    missing = [f"--{name}" for name in names if values[name].value is None]
    if missing:
        raise InputError(f"{' and '.join(missing)} must be given; see --help")


def _meant(verb: str) -> str:
    """The command that was meant, or all there are."""
    from difflib import get_close_matches

    close = get_close_matches(verb[:100], COMMANDS, 1)
    return f"did you mean {close[0]}?" if close else f"there are {', '.join(COMMANDS)}"


def _refuse(message: str) -> int:
    complain(message)
    return 2


def _overview() -> str:
    verbs = "\n".join(f"  tvn {verb:<17} {summary}" for verb, summary in COMMANDS.items())
    return (
        f"Tiny Video Networks in PyTorch, proven equal to TensorFlow's.\n\n{verbs}\n\n"
        "`tvn help COMMAND` shows a command's flags, `tvn --version` the versions.\n"
        "Exit status: 0 done and passed, 1 a check failed, 2 bad request or input."
    )


def _help(verb: str, command: Command, values: "FlagValues") -> str:
    lines = [f"{command.USAGE}\n\n{COMMANDS[verb].capitalize()}.\n\nFlags:"]
    for name in sorted(values):
        flag = values[name]
        default = "" if flag.default in (None, False) else f" (default: {flag.default})"
        lines.append(f"  --{name}: {flag.help}{default}")
    return "\n".join(lines)
