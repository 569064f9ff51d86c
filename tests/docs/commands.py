"""docs/commands.md: every command and flag, as `--help` has them."""

from importlib import import_module

from absl import flags

from tvn_cli.flags import Flags
from tvn_cli.main import COMMANDS

HEAD = """# Commands

Every command and flag. `tvn help COMMAND` prints the same; `tvn --version` the versions that a bug
report needs. Every command takes `--quiet` besides: it prints nothing but errors. This page is
written by `python -m tests.docs.write`.

Exit status: 0 done and every check passed; 1 a check failed; 2 the request or the input is bad,
said in one line on stderr; 130 after Ctrl-C; 141 where nobody reads the output any more; 70 for a
mistake of `tvn` itself.
"""


def write_commands() -> str:
    """The page."""
    rows = [f"| [`{verb}`](#{verb}) | {about} |" for verb, about in COMMANDS.items()]
    table = ["| command | what it does |", "|---|---|", *rows]
    return "\n".join([HEAD, *table, "", *map(_section, COMMANDS)])


def _section(verb: str) -> str:
    command = import_module(f"tvn_cli.{verb.replace('-', '_')}")
    values = flags.FlagValues()
    command.define(Flags(values))
    lines = [f"## {verb}", "", f"{_sentence(COMMANDS[verb])}", "", "```", command.USAGE, "```", ""]
    if names := sorted(values):
        lines += ["| flag | default | meaning |", "|---|---|---|"]
        lines += [_row(name, values[name]) for name in names]
        lines += [""]
    return "\n".join(lines)


def _row(name: str, flag: flags.Flag) -> str:
    default = "" if flag.default in (None, False, "") or flag.default == [] else flag.default
    shown = f"`{default}`" if default != "" else ""
    meaning = (flag.help or "").replace("|", "\\|").replace("<", "`", 1).replace(">", "`", 1)
    if not (flag.help or "").startswith("<"):
        meaning = (flag.help or "").replace("|", "\\|")
    return f"| `--{name}` | {shown} | {meaning} |"


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}."
