"""Reading what a command was asked for: its flags, and what is wrong with them in plain words."""

from collections.abc import Iterator, Sequence
from difflib import get_close_matches

from absl import flags

from port.errors import InputError

LONGEST_FLAG = 100  # characters of its name; those here have at most 20
# An empty prefix is one, and an empty list is none.
MAY_BE_EMPTY = {"prefix", "also"}


def read_flags(verb: str, values: flags.FlagValues, rest: Sequence[str]) -> list[str]:
    """Set `values` from the arguments behind the verb; return those that are no flags.

    Raises:
        InputError: a flag is unknown, given twice, empty, or has a value that it does not take.
    """
    values.set_gnu_getopt(True)  # flags may stand behind other arguments
    seen: dict[str, str | None] = {}
    for name, value in _given(values, rest):
        flag = _known(verb, values, name)
        told = f"--{flag.name}"
        if flag.name in seen and not isinstance(flag, flags.MultiFlag):
            told_values = f" ({seen[flag.name]} and {value})" if value is not None else ""
            raise InputError(f"{told} is given twice{told_values}; give it once")
        seen[flag.name] = value
        if value is None and not flag.boolean:
            raise InputError(f"{told} wants a value: {told}=…")
        if value == "" and flag.name not in MAY_BE_EMPTY:
            raise InputError(f"{told} is empty; give a value, or leave the flag out")
        _check_value(flag, value)
    return list(values([verb, *rest])[1:])


def _given(values: flags.FlagValues, rest: Sequence[str]) -> Iterator[tuple[str, str | None]]:
    """Each flag's name as it is written, with its value; None where it has none."""
    waiting = iter(rest)
    for argument in waiting:
        if argument == "--":
            return
        if not argument.startswith("-") or argument == "-":
            continue
        name, equals, value = argument.lstrip("-").partition("=")
        alone = not equals and name in values and not values[name].boolean
        yield name, value if equals else next(waiting, None) if alone else None


def _known(verb: str, values: flags.FlagValues, name: str) -> flags.Flag:
    """The flag of this name, which may be a switch's with `no` in front."""
    if name in values:
        found: flags.Flag = values[name]
        return found
    if name.startswith("no") and name[2:] in values and values[name[2:]].boolean:
        switch: flags.Flag = values[name[2:]]
        return switch
    close = get_close_matches(name[:LONGEST_FLAG], list(values), 1)
    meant = f"did you mean --{close[0]}?" if close else f"tvn {verb} --help lists them"
    raise InputError(f"--{name[:LONGEST_FLAG]}: tvn {verb} has no such flag; {meant}")


def _check_value(flag: flags.Flag, value: str | None) -> None:
    if value is None:
        return
    try:
        flag.parser.parse(value)
    except ValueError:
        raise InputError(f"--{flag.name}={value}: give {_wanted(flag)}") from None


def _wanted(flag: flags.Flag) -> str:
    """What the flag takes, for a person."""
    parser = flag.parser
    match parser:
        case flags.EnumParser():
            return f"one of {', '.join(parser.enum_values)}"
        case flags.IntegerParser() | flags.FloatParser():
            what = "a whole number" if isinstance(parser, flags.IntegerParser) else "a number"
            least, most = parser.lower_bound, parser.upper_bound
            if least is not None and most is not None:
                return f"{what} from {least} to {most}"
            if least is not None:
                return f"{what}, {least} or more"
            return what if most is None else f"{what}, {most} or less"
        case flags.BooleanParser():
            return "true or false"
    return "another value"
