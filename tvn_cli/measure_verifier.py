"""`tvn measure-verifier`: how often the verifier misses a wrong port, or fails a right one."""

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from absl.flags import FlagValues

from port.errors import InputError
from tvn_cli.flags import Flags
from tvn_cli.main import no_arguments

if TYPE_CHECKING:
    from verify.measure.plan import Plan

USAGE = "tvn measure-verifier [--custom] [--full] [--run=DIR] [--only=UNIT,…] [--json=FILE]"


def define(flags: Flags) -> None:
    """Declare the flags."""
    flags.switch("custom", "measure how anybody's ports are judged, not Tiny Video Networks")
    flags.switch("full", "all nets and all units, three hours of CPU time; a small sample if left "
                 "out")  # fmt: skip
    flags.text("run", "a folder that keeps what each unit found; what it holds already is not "
               "measured again")  # fmt: skip
    flags.several("only", "units whose names start so, such as 'mutants tvn1'; names are those of "
                  "the files in --run, with spaces")  # fmt: skip
    flags.text("json", "a file for the outcome as JSON")


def main(values: FlagValues, arguments: Sequence[str]) -> int:
    """Measure, print the table, write the outcome."""
    no_arguments(arguments)
    from port.atomic import write_text
    from tvn_cli.screen.measurement import print_custom_summary, print_summary
    from tvn_cli.screen.progress import progress_bar
    from verify.measure.custom.plan import CUSTOM
    from verify.measure.custom.summary import CustomSummary
    from verify.measure.plan import TVN, results, run
    from verify.measure.summary import Summary
    from verify.reports.outcome import to_json

    plan = CUSTOM if values.custom else TVN
    names = _units(values, plan)
    with tempfile.TemporaryDirectory() as folder:
        kept = Path(values.run or folder)
        try:
            kept.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InputError(f"{kept}: --run cannot be written ({error.strerror})") from None
        with progress_bar() as bar:
            task = bar.add_task("measuring", total=len(names))
            run(
                kept,
                names,
                lambda name, done: bar.update(task, description=name, completed=done),
                plan.units(),
            )
        found = list(results(kept))
    summary: Summary | CustomSummary
    if values.custom:
        summary = CustomSummary(found)
        print_custom_summary(summary)
    else:
        summary = Summary(found)
        print_summary(summary)
    if values.json is not None:
        write_text(values.json, to_json(summary.to_dict()))
    return 0 if summary.passed else 1


def _units(values: FlagValues, plan: "Plan") -> list[str]:
    names = list(plan.whole()) if values.full or values.only else list(plan.sample)
    if not values.only:
        return names
    chosen = [name for name in names if name.startswith(tuple(values.only))]
    if not chosen:
        raise InputError(
            f"--only={','.join(values.only)}: no such unit; one is {next(iter(names))!r}"
        )
    return chosen
