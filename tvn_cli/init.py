"""`tvn init`: a spec to start a port from, written of what a model's file says."""

from collections.abc import Sequence

from absl.flags import FlagValues

from port.errors import InputError
from tvn_cli.flags import Flags
from tvn_cli.screen.say import say

USAGE = "tvn init [--output=my_port.py] MODEL"


def define(flags: Flags) -> None:
    """Declare the flags."""
    flags.text("output", "the Python file to write, which must not be there yet", "my_port.py")


def main(values: FlagValues, arguments: Sequence[str]) -> int:
    """Write the spec, and say how to go on."""
    if len(arguments) != 1:
        raise InputError(
            "init takes one model: a .keras file, the folder of a SavedModel or a hub module, or "
            "a checkpoint: tvn init MODEL"
        )
    from verify import start_spec

    start = start_spec(arguments[0], values.output)
    say(f"{values.output}: written, of {start.kind} of {start.layers} layers")
    if start.missing:
        say("to be filled in:", *(f"  - {what}" for what in start.missing))
    say(f"judge it, as often as you like: tvn verify --spec={values.output}")
    return 0
