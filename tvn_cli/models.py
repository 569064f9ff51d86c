"""`tvn models`: the published nets, counted, beside what the paper says."""

from collections.abc import Sequence

from absl.flags import FlagValues

from tvn_cli.flags import Flags
from tvn_cli.main import no_arguments
from tvn_cli.screen.say import say_json

USAGE = "tvn models [--json]"


def define(flags: Flags) -> None:
    """Declare the flags."""
    flags.switch("json", "print JSON")
    flags.num_classes()


def main(values: FlagValues, arguments: Sequence[str]) -> int:
    """Print the table."""
    no_arguments(arguments)
    from port.published import describe_models, list_disagreements
    from tvn_cli.screen.models import show_models

    rows = describe_models(values.num_classes)
    notes = list_disagreements(rows)
    if values.json:
        say_json({"models": rows, "notes": notes}, 1)
    else:
        show_models(rows, notes)
    return 0
