"""The terminal's view of a benchmark."""

from collections.abc import Sequence
from typing import Any

from tvn_cli.screen.say import say
from tvn_cli.screen.table import add_row, show, table


def show_speed(data: dict[str, Any]) -> None:
    """Print a row an engine, then what the nets come to together."""
    for net in dict.fromkeys(row["net"] for row in data["rows"]):
        _show_net(net, [row for row in data["rows"] if row["net"] == net])
    for each in data["against_others"]:
        nets = ", ".join(f"{net} {ratio:.2f}" for net, ratio in each["nets"].items())
        say(
            f"{each['precision']}, batch {each['batch']}: the best of ours is "
            f"{each['geometric_mean']:.2f} times as fast as the best of the others ({nets})"
        )
    for line in data["left_out"]:
        say(f"left out: {line}")


def _show_net(net: str, rows: Sequence[dict[str, Any]]) -> None:
    shown = table("engine", "batch", "ms", "best", "spread", "clips/s", "first s", "MB", "differs",
                  title=net)  # fmt: skip
    for row in rows:
        if "median_ms" not in row:
            continue
        add_row(
            shown,
            row["engine"],
            row["batch"],
            f"{row['median_ms']:.1f}",
            f"{row['best_ms']:.1f}",
            f"{row['spread']:.2f}",
            f"{row['clips_per_second']:.1f}",
            f"{row['first_seconds']:.1f}",
            f"{row['peak_mb']:.0f}",
            f"{row['difference']:.0e}" + ("" if row["agrees"] else "!"),
        )
    show(shown)
    for row in rows:
        if row["failure"]:
            say(f"{row['engine']}: {row['failure'][:200]}")
