"""The terminal's view of a prediction: the likeliest classes, and the video's course."""

from collections.abc import Mapping
from typing import Any

from rich.text import Text

from tvn_cli.screen.say import say
from tvn_cli.screen.table import add_row, show, table


def show_answer(answer: Mapping[str, Any]) -> None:
    """Print what `tvn predict --json` says of one video."""
    shown = table("class", "probability", "")
    shown.columns[-1].justify = "left"
    for row in answer["top"]:
        bar = Text("█" * round(20 * row["probability"]), "blue")
        add_row(shown, row["class"], f"{row['probability']:.4f}", bar)
    say(answer["video"])
    show(shown)
    for segment in answer.get("timeline", []):
        span = f"{segment['start']:8.2f} to {segment['end']:7.2f} s"
        say(f"{span}  {segment['class']}  {segment['probability']:.2f}")
