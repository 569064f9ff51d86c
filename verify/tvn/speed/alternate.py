"""Rounds of engines, one after the other, each time in a fresh process: A B A B.

A machine's speed changes from minute to minute; within a round it changes little, so what is told
are medians and ratios over rounds.
"""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from verify.tvn.speed.engines import ENGINES
from verify.tvn.speed.job import Job

# Of the largest logit; float32 of two engines, and bfloat16 somewhere on the way.
NEAR, NEAR_BFLOAT16 = 1e-4, 0.2


@dataclass
class Timing:
    """One engine on one job: the runs of each round, and whether its logits are the eager net's."""

    job: Job
    engine: str
    rounds: list[list[float]] = field(default_factory=list)
    first_seconds: list[float] = field(default_factory=list)
    peak_mb: list[float] = field(default_factory=list)
    difference: float | None = None
    failure: str | None = None

    @property
    def agrees(self) -> bool:
        """The logits are the same, as far as its precision goes."""
        bound = NEAR if ENGINES[self.engine].exact else NEAR_BFLOAT16
        return self.difference is not None and self.difference <= bound

    def to_dict(self) -> dict[str, Any]:
        """Milliseconds a batch: the median over rounds of each round's median, and the extremes."""
        told: dict[str, Any] = {
            "net": self.job.name, "batch": self.job.batch, "threads": self.job.threads,
            "engine": self.engine, "failure": self.failure, "difference": self.difference,
            "agrees": self.agrees,
        }  # fmt: skip
        if self.rounds:
            medians = [median(runs) * 1e3 for runs in self.rounds]
            told |= {
                "median_ms": median(medians),
                "best_ms": min(min(runs) for runs in self.rounds) * 1e3,
                "spread": max(medians) / min(medians),
                "clips_per_second": 1e3 * self.job.batch / median(medians),
                "first_seconds": median(self.first_seconds),
                "peak_mb": max(self.peak_mb),
            }
        return told


def measure(
    jobs: Sequence[Job],
    engines: Sequence[str],
    *,
    rounds: int,
    seconds: float,
    watch: Callable[[str], None] = lambda doing: None,
) -> list[Timing]:
    """Time each engine on each job, alternately.

    Args:
        jobs: created already.
        engines: names in `ENGINES`; what they need is installed.
        rounds: how often each is started.
        seconds: how long each runs then.
        watch: told what is being done.
    """
    timings = [[Timing(job, engine) for engine in engines] for job in jobs]
    for row in timings:
        for timing in row:
            watch(f"{timing.job.name}: preparing {timing.engine}")
            _, timing.failure = _in_process(timing.job, timing.engine, {"prepare": True})
    for number in range(rounds):
        for row in timings:
            for timing in row:
                watch(f"round {number + 1} of {rounds}: {timing.job.name}, {timing.engine}")
                if timing.failure is None:
                    _time(timing, seconds)
    return [timing for row in timings for timing in row]


def _time(timing: Timing, seconds: float) -> None:
    """One process's runs, added to `timing`."""
    reference = timing.job.folder / f"logits-{timing.job.batch}.npy"
    with tempfile.TemporaryDirectory() as folder:
        logits = Path(folder) / "logits.npy"
        asked = {"seconds": seconds, "logits": str(logits)}
        figures, timing.failure = _in_process(timing.job, timing.engine, asked)
        if timing.failure is not None:
            return
        found = np.load(logits)
    timing.rounds.append(figures["seconds"])
    timing.first_seconds.append(figures["first_seconds"])
    timing.peak_mb.append(figures["peak_mb"])
    if not reference.exists():  # the eager net's
        _in_process(timing.job, "eager", {"seconds": 0, "logits": str(reference)})
    wanted = np.load(reference)
    apart = float(np.abs(found - wanted).max() / np.abs(wanted).max())
    timing.difference = max(apart, timing.difference or 0.0)


def _in_process(job: Job, engine: str, asked: dict[str, Any]) -> tuple[dict[str, Any], str | None]:
    """What the worker says, or why it says nothing."""
    environment = os.environ | {"OMP_NUM_THREADS": str(job.threads), "TF_CPP_MIN_LOG_LEVEL": "3"}
    text = json.dumps({"job": job.to_dict(), "engine": engine, **asked})
    command = [sys.executable, "-m", "verify.tvn.speed.worker", text]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        last = done.stderr.strip().splitlines() or [f"ended with status {done.returncode}"]
        return {}, last[-1]
    return json.loads(done.stdout.splitlines()[-1]), None
