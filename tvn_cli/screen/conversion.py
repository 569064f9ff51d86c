"""The terminal's view of a conversion."""

from port.convert.record import Conversion, report_path
from tvn_cli.screen.say import say


def show_conversion(conversion: Conversion, output: str) -> None:
    """Print what was read, what was set aside, and where the record is."""
    say(
        f"{output}: {len(conversion.rows)} variables, {conversion.num_parameters:,} "
        f"parameters, {conversion.num_classes} classes, from a {conversion.about['source']}"
    )
    selection = conversion.selection
    if selection.prefix:
        say(f"names stand under {selection.prefix!r} there")
    if selection.set_aside:
        say(f"set aside, {len(selection.set_aside)} tensors that are no part of the model:")
        for name, why in selection.set_aside.items():
            say(f"  {name}: {why}")
    say(f"{report_path(output)}: what went where, with digests before and after")
