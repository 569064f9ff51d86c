"""One engine in a process of its own: `python -m verify.tvn.speed.worker JOB LOGITS`.

JOB is JSON on the command line; figures come as JSON on standard output, the logits in LOGITS.
"""

import json
import os
import sys
import time
from pathlib import Path

WARM_UP = 3  # runs
LEAST_RUNS = 5


def main(text: str, logits: str) -> None:
    """Load, run as long as asked, tell."""
    asked = json.loads(text)
    threads = asked["job"]["threads"]
    usable = sorted(os.sched_getaffinity(0))[:threads]
    os.sched_setaffinity(0, usable)

    import numpy as np

    from verify.tvn.speed.engines import ENGINES
    from verify.tvn.speed.job import Job

    job = Job.from_dict(asked["job"])
    clips = job.clips()
    start = time.perf_counter()
    run = ENGINES[asked["engine"]].load(job)
    found = run(clips)
    first = time.perf_counter() - start
    np.save(Path(logits), found)
    for _ in range(WARM_UP):
        run(clips)
    taken: list[float] = []
    until = time.perf_counter() + asked["seconds"]
    while len(taken) < LEAST_RUNS or time.perf_counter() < until:
        begin = time.perf_counter()
        run(clips)
        taken.append(time.perf_counter() - begin)
    figures = {"seconds": taken, "first_seconds": first, "peak_mb": _peak()}
    sys.stdout.write(json.dumps(figures))


def _peak() -> float:
    """The most memory that this process had, in MB; `getrusage` would count its parent's too."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    (line,) = (line for line in lines if line.startswith("VmHWM"))
    return int(line.split()[1]) / 1024


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
