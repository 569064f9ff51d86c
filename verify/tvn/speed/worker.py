"""One engine in a process of its own: `python -m verify.tvn.speed.worker REQUEST`.

The request is JSON: the job, the engine, and either `prepare`, or for how many `seconds` to run and
into which file to write the `logits`. Figures are the last line of standard output, as JSON.
"""

import json
import os
import sys
import time
from pathlib import Path

WARM_UP = 3  # runs
LEAST_RUNS = 5


def main(text: str) -> None:
    """Do what is asked, tell the figures."""
    asked = json.loads(text)
    threads = asked["job"]["threads"]
    usable = sorted(os.sched_getaffinity(0))[:threads]
    os.sched_setaffinity(0, usable)

    import numpy as np

    from verify.tvn.speed.engines import ENGINES
    from verify.tvn.speed.job import Job

    job, engine = Job.from_dict(asked["job"]), ENGINES[asked["engine"]]
    if asked.get("prepare"):
        engine.prepare(job)
        sys.stdout.write("\n{}\n")
        return
    clips = job.clips()
    start = time.perf_counter()
    run = engine.load(job)
    found = run(clips)
    first = time.perf_counter() - start
    np.save(Path(asked["logits"]), found)
    for _ in range(WARM_UP):
        run(clips)
    taken: list[float] = []
    until = time.perf_counter() + asked["seconds"]
    while len(taken) < LEAST_RUNS or time.perf_counter() < until:
        begin = time.perf_counter()
        run(clips)
        taken.append(time.perf_counter() - begin)
    figures = {"seconds": taken, "first_seconds": first, "peak_mb": _peak()}
    sys.stdout.write(f"\n{json.dumps(figures)}\n")


def _peak() -> float:
    """The most memory that this process had, in MB; `getrusage` would count its parent's too."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    (line,) = (line for line in lines if line.startswith("VmHWM"))
    return int(line.split()[1]) / 1024


if __name__ == "__main__":
    main(sys.argv[1])
