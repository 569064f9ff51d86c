"""Dispatch to the verbs, and what every verb shares: help, exit status, errors in one line.

Exit status: 0 done and every check passed; 1 a check failed; 2 the request or the input is bad.
Nothing that takes time is imported before a verb's flags are read.
"""

from collections.abc import Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Protocol

from tvn_cli.screen.say import complain, say

if TYPE_CHECKING:
    from absl.flags import FlagValues

    from tvn_cli.flags import Flags

COMMANDS = {
    "models": "list the published nets, their cost, and the paper's figures",
    "convert": "TensorFlow weights to a safetensors file, and back",
    "inspect": "list what a file of TensorFlow weights holds",
    "verify": "compare the port with the original, layer by layer",
    "data": "check, cache or generate a folder of videos",
    "finetune": "train on a folder of videos, and test",
    "evaluate": "test a run on the videos it has not seen",
    "predict": "what a trained net says of videos, as a whole and along their course",
    "export": "a weights file to ONNX",
    "benchmark": "how fast nets answer, here and in what else runs them",
    "measure-verifier": "how often the verifier misses a wrong port, or fails a right one",
    "demo": "all of it on seeded weights: checkpoint, convert, verify, classify",
}

LONGEST_FLAG = 100  # characters of its name; those here have at most 20


class Command(Protocol):
    """What the module of a verb has."""

    USAGE: str

    def define(self, flags: "Flags") -> None:
        """Declare the verb's flags."""

    def main(self, values: "FlagValues", arguments: Sequence[str]) -> int:
        """Do it; return the exit status."""


def main(argv: Sequence[str]) -> int:
    """Run one command; return its exit status."""
    if not argv or argv[0] in ("-h", "--help", "help"):
        say(*_overview().splitlines())
        return 0 if argv else 2
    verb, *rest = argv
    if verb not in COMMANDS:
        return _refuse(f"no command {verb!r}; there are {', '.join(COMMANDS)}")
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

    command: Command = import_module(f"tvn_cli.{verb.replace('-', '_')}")
    values = flags.FlagValues()
    command.define(Flags(values))
    if any(argument in ("-h", "--help") for argument in rest):
        say(*_help(verb, command, values).splitlines())
        return 0
    for argument in rest:  # or absl looks for a similar name, and takes far too long for it
        if argument.startswith("-") and len(name := argument.partition("=")[0]) > LONGEST_FLAG:
            raise flags.UnrecognizedFlagError(name.lstrip("-"))
    return command.main(values, values([verb, *rest])[1:])


def no_arguments(arguments: Sequence[str]) -> None:
    """Refuse arguments that are no flags."""
    from port.errors import InputError

    if arguments:
        raise InputError(f"{arguments[0]!r}: not understood; flags look like --name=value")


def required(values: "FlagValues", *names: str) -> None:
    """Refuse a call without these flags."""
    from port.errors import InputError

    missing = [f"--{name}" for name in names if values[name].value is None]
    if missing:
        raise InputError(f"{' and '.join(missing)} must be given; see --help")


def _refuse(message: str) -> int:
    complain(message)
    return 2


def _overview() -> str:
    verbs = "\n".join(f"  tvn {verb:<17} {summary}" for verb, summary in COMMANDS.items())
    return (
        f"Tiny Video Networks in PyTorch, proven equal to TensorFlow's.\n\n{verbs}\n\n"
        "`tvn COMMAND --help` shows a command's flags.\n"
        "Exit status: 0 done and passed, 1 a check failed, 2 bad request or input."
    )


def _help(verb: str, command: Command, values: "FlagValues") -> str:
    lines = [f"{command.USAGE}\n\n{COMMANDS[verb].capitalize()}.\n\nFlags:"]
    for name in sorted(values):
        flag = values[name]
        default = "" if flag.default in (None, False) else f" (default: {flag.default})"
        lines.append(f"  --{name}: {flag.help}{default}")
    return "\n".join(lines)
