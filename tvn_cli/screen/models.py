"""The terminal's view of the published nets."""

from collections.abc import Sequence
from typing import Any

from tvn_cli.screen.say import say
from tvn_cli.screen.table import add_row, show, table


def show_models(rows: Sequence[dict[str, Any]], notes: Sequence[str]) -> None:
    """Print a row a net, then where the count and the paper disagree."""
    headings = ("\nnet", "frames,\nstride", "\nsize", "\nparameters", "multiply-\nadds")
    of_the_paper = ("paper:\nGFLOPs", "CPU\nms", "GPU\nms", "MiT\ntop-1 %", "Charades\nmAP %")
    shown = table(*headings, *of_the_paper)
    fields = ("gflops", "runtime_cpu_ms", "runtime_gpu_ms", "mit_top1_percent")
    for row in rows:
        paper = row["paper"] or {}
        add_row(
            shown,
            row["name"],
            f"{row['frames']}, {row['frame_stride']}",
            row["image_size"],
            f"{row['parameters']:,}",
            f"{row['multiply_adds'] / 1e9:.1f} G",
            *(paper.get(key) or "–" for key in (*fields, "charades_map_scratch")),
        )
    show(shown)
    say(*(f"- {note}" for note in notes))
