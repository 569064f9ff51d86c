"""The figures of docs/training_parity.md.

python benchmarks/training_parity.py step --model=tvn1 --batches=3
python benchmarks/training_parity.py trajectory --model=tvn1 --size=64 --runs=3 --plot=out.svg
"""

import argparse
import resource
import time
from pathlib import Path

import numpy as np

from port import Genotype
from verify.engine.training import GRADIENT, compare_training
from verify.engine.trajectory import compare_trajectory
from verify.reports.page.charts import draw_trajectory
from verify.tvn.optimizers import OptimizerSpec
from verify.tvn.subject import Subject
from verify.tvn.training_spec import tvn_training_spec, tvn_trajectory_spec


def main() -> None:
    """Run what the arguments say and print its figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=["step", "trajectory"])
    parser.add_argument("--model", default="tvn1")
    parser.add_argument("--batches", type=int, default=3)
    parser.add_argument("--size", type=int, help="pixels; the net's own if left out")
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--rate", type=float, default=0.001)
    parser.add_argument("--plot", type=Path)
    arguments = parser.parse_args()
    start = time.monotonic()
    {"step": step, "trajectory": course}[arguments.what](arguments)
    kinds = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    here, beside = (resource.getrusage(kind).ru_maxrss * 1024 / 2**30 for kind in kinds)
    print(f"{time.monotonic() - start:.0f} s, {here:.1f} GiB at most, {beside:.1f} in a child")


def step(arguments: argparse.Namespace) -> None:
    """One training step a batch, value by value."""
    spec = tvn_training_spec(
        Subject(
            Genotype.load(arguments.model),
            name=arguments.model,
            height=arguments.size,
            width=arguments.size,
        ),
        batches=arguments.batches,
        apart=True,
    )
    report = compare_training(spec)
    print(f"{arguments.model}: passed {report.passed}, first failure {report.first_failure}")
    for kind in ("forward", "backward"):
        values = [v for v in report.values if v.name.startswith(GRADIENT) == (kind == "backward")]
        port = max(max(v.port_float32_errors) for v in values)
        original = max(max(v.original_float32_errors) for v in values)
        print(
            f"{kind}: {len(values)} values, {sum(v.cancelled for v in values)} cancelled; "
            f"float64 {max(v.float64_error for v in values):.1e}; "
            f"float32 at worst {port:.1e}, the original's {original:.1e}; "
            f"median ratio {np.median([v.ratio for v in values]):.2f}, "
            f"factor needed {max(v.needed_factor for v in values):.2f}"
        )


def course(arguments: argparse.Namespace) -> None:
    """Many steps."""
    spec = tvn_trajectory_spec(
        Subject(
            Genotype.load(arguments.model),
            name=arguments.model,
            height=arguments.size,
            width=arguments.size,
        ),
        optimizer=OptimizerSpec("momentum", arguments.rate, 1e-4, {"momentum": 0.9}),
        steps=arguments.steps,
    )
    report = compare_trajectory(spec, runs=arguments.runs)
    print(f"{arguments.model}: passed {report.passed}, first failure {report.first_failure}")
    medians = [float(np.median(runs[-1])) for runs in (report.crossed, report.own, report.rounded)]
    print(
        f"float64 at the end {report.float64[-1]:.1e}; float32: port from original "
        f"{medians[0]:.1e}, original from itself {medians[1]:.1e}, from float64 {medians[2]:.1e}; "
        f"stray {report.stray:.2f}"
    )
    if arguments.plot is not None:
        arguments.plot.write_text(draw_trajectory(report.to_dict()))


if __name__ == "__main__":
    main()
