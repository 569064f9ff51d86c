"""The terminal's view of a conversion."""

from collections import Counter
from collections.abc import Iterator, Mapping

from port.convert.record import Conversion, report_path
from tvn_cli.screen.say import say

FEW = 10  # tensors that are listed one by one


def show_conversion(conversion: Conversion, output: str, verbose: bool = False) -> None:
    """Print what was read, what was set aside (all by name if `verbose`), where the record is."""
    say(
        f"{output}: {len(conversion.rows)} variables, {conversion.num_parameters:,} "
        f"parameters, {conversion.num_classes} classes, from a {conversion.about['source']}"
    )
    selection = conversion.selection
    if selection.prefix:
        say(f"names stand under {selection.prefix!r} there")
    if selection.set_aside:
        say(f"set aside, {len(selection.set_aside)} tensors that are no part of the model:")
        listed = verbose or len(selection.set_aside) <= FEW
        say(*(_by_name if listed else _by_reason)(selection.set_aside))
    say(f"{report_path(output)}: what went where, with digests before and after")


def _by_name(set_aside: Mapping[str, str]) -> Iterator[str]:
    return (f"  {name}: {why}" for name, why in set_aside.items())


def _by_reason(set_aside: Mapping[str, str]) -> Iterator[str]:
    for why, count in Counter(set_aside.values()).items():
        first = next(name for name, reason in set_aside.items() if reason == why)
        yield f"  {first}: {why}" if count == 1 else f"  {count} tensors, as {first}: {why}"
    yield "  (--verbose lists them all)"
