"""`tvn inspect`: what a source of TensorFlow weights holds, and what it would be taken for."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from absl.flags import FlagValues

from port.errors import InputError
from tvn_cli.flags import Flags
from tvn_cli.screen.say import say, say_json

if TYPE_CHECKING:
    from port.sources import Source

USAGE = "tvn inspect [--json] [--nostatistics] PATH"

# What a narrow terminal does without, the first to go first.
SPARE = ("std", "mean", "bytes", "minimum", "maximum")


def define(flags: Flags) -> None:
    """Declare the flags."""
    flags.switch("json", "print JSON")
    flags.switch("statistics", "read every tensor for its statistics", True)
    flags.prefix()


def main(values: FlagValues, arguments: Sequence[str]) -> int:
    """List the tensors."""
    from port.sources import open_source

    if len(arguments) != 1:
        raise InputError("inspect takes one path: tvn inspect PATH")
    with open_source(arguments[0]) as source:
        taken_for = _taken_for(source, values.prefix)
        tensors = [_tensor(source, name, values.statistics) for name in source]
        kind = source.kind
    if values.json:
        about = {"path": arguments[0], "kind": kind, "taken_for": taken_for}
        say_json(about | {"tensors": tensors}, 1)
    else:
        _print(tensors)
        say(f"{arguments[0]}: a {kind} of {len(tensors)} tensors, {taken_for}")
    return 0


def _taken_for(source: "Source", prefix: str | None) -> str:
    from port.convert.recognise import recognise

    try:
        return f"taken for {recognise(source, prefix)}"
    except InputError as error:
        return str(error).removeprefix(f"{source.path}: ")


def _tensor(source: "Source", name: str, statistics: bool) -> dict[str, Any]:
    from port.sources.summary import summarize

    tensor = asdict(source.info(name))
    if statistics:
        figures = asdict(summarize(source[name]))
        # JSON knows no NaN, which stands for "no finite value to tell of".
        tensor |= {key: None if value != value else value for key, value in figures.items()}
    return tensor


def _print(tensors: Sequence[dict[str, Any]]) -> None:
    from tvn_cli.screen.table import add_row, show, table

    figures = [key for key in ("minimum", "maximum", "mean", "std") if key in tensors[0]]
    shown = table("tensor", "dtype", "shape", "bytes", *figures, "")
    for tensor in tensors:
        bad = f"{tensor['nonfinite']} NaN or infinite" if tensor.get("nonfinite") else ""
        add_row(
            shown,
            tensor["name"],
            tensor["dtype"],
            "×".join(map(str, tensor["shape"])) or "scalar",
            f"{tensor['nbytes']:,}",
            *("–" if tensor[key] is None else f"{tensor[key]:.4g}" for key in figures),
            bad,
        )
    show(shown, SPARE)
