"""`tvn benchmark`: how fast nets answer, in this toolkit and in what else runs them."""

import os
import tempfile
from collections.abc import Sequence
from pathlib import Path

from absl.flags import FlagValues

from port.errors import InputError
from tvn_cli.flags import Flags
from tvn_cli.main import no_arguments

USAGE = (
    "tvn benchmark [--model=M,…] [--engines=E,…] [--batches=1,8] [--rounds=N] [--seconds=S]\n"
    "              [--threads=N] [--keep=DIR] [--json=FILE]"
)
# A name, or several; `default` are those that an ordinary choice is between.
DEFAULT = ("eager", "optimized", "bfloat16", "onnxruntime", "openvino", "tensorflow", "tf2onnx",
           "openvino_bfloat16")  # fmt: skip


def define(flags: Flags) -> None:
    """Declare the flags."""
    flags.several("model", "published names or genotype JSON files; all published nets if left out")
    flags.several("engines", "of eager, optimized, plain, compiled, bfloat16, onnxruntime, "
                  "openvino, tensorflow, tf2onnx, openvino_bfloat16; all that is installed, less "
                  "plain and compiled, if left out")  # fmt: skip
    flags.several("batches", "clips at a time; 1 if left out")
    flags.number("rounds", "how often each engine is started, in turn", 3)
    flags.number("seconds", "that each then runs, at five runs or more", 2)
    flags.number("threads", "that each may use; as many as there are cores if left out")
    flags.number("num_classes", "outputs of the classifier", 50)
    flags.text("keep", "a folder that keeps weights and exported files; what it holds is not made "
               "again")  # fmt: skip
    flags.text("json", "a file for the figures as JSON")


def main(values: FlagValues, arguments: Sequence[str]) -> int:
    """Measure, print the table; 1 if an engine gave other logits."""
    no_arguments(arguments)
    batches = [_positive(text) for text in values.batches] or [1]
    from port.atomic import write_text
    from tvn_cli.screen.progress import progress_bar
    from tvn_cli.screen.speed import show_speed
    from verify.reports.outcome import to_json
    from verify.tvn.speed.run import benchmark

    with tempfile.TemporaryDirectory() as folder, progress_bar() as bar:
        task = bar.add_task("measuring", total=None)
        data = benchmark(
            values.model,
            values.engines or DEFAULT,
            Path(values.keep or folder),
            batches=batches,
            rounds=values.rounds,
            seconds=values.seconds,
            threads=values.threads or len(os.sched_getaffinity(0)),
            num_classes=values.num_classes,
            named=bool(values.engines),
            watch=lambda doing: bar.update(task, description=doing),
        )
    show_speed(data)
    if values.json is not None:
        write_text(values.json, to_json(data))
    return 0 if all(row["agrees"] for row in data["rows"] if "median_ms" in row) else 1


def _positive(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= 1024:
        raise InputError(f"--batches={text}: must be whole numbers from 1 to 1024")
    return int(text)
