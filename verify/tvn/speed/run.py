"""A whole benchmark: from names of nets and engines to figures."""

import platform
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import geometric_mean
from typing import Any

from port.errors import InputError
from port.genotype import Genotype, list_models
from verify.reports.circumstances import processor, versions_of
from verify.tvn.speed.alternate import measure
from verify.tvn.speed.engines import ENGINES
from verify.tvn.speed.job import Job
from verify.tvn.speed.summary import compare, speed_up

PACKAGES = ("torch", "onnxruntime", "openvino", "tensorflow_cpu", "tf2onnx")


def benchmark(
    models: Sequence[str],
    engines: Sequence[str],
    folder: Path,
    *,
    batches: Sequence[int] = (1,),
    rounds: int = 3,
    seconds: float = 2,
    threads: int = 1,
    num_classes: int = 50,
    named: bool = True,
    watch: Callable[[str], None] = lambda doing: None,
) -> dict[str, Any]:
    """Measure nets in engines, alternately.

    Args:
        models: published names or genotype files; all published ones if empty.
        engines: names in `ENGINES`.
        folder: keeps a folder for each net.
        batches: clips at a time.
        rounds: how often each engine is started.
        seconds: how long each runs then.
        threads: that it may use.
        num_classes: outputs of the classifier.
        named: refuse an engine that is not installed, else leave it out.
        watch: told what is being done.

    Raises:
        InputError: an unknown engine or net, one that is not installed, or no folder to write to.
    """
    chosen, left_out = _installed(engines, named)
    genotypes = {Path(model).stem: Genotype.load(model) for model in models or list_models()}
    if len(genotypes) < len(models):
        raise InputError("--model: two nets of one name would be one row; rename a file")
    jobs = [Job(name, folder / name, batch, threads) for name in genotypes for batch in batches]
    try:
        for job in jobs:
            job.create(genotypes[job.name], num_classes)
    except OSError as error:
        raise InputError(f"{folder}: cannot be written ({error.strerror})") from None
    timings = measure(jobs, chosen, rounds=rounds, seconds=seconds, watch=watch)
    rows = [timing.to_dict() for timing in timings]
    sped = speed_up(rows, "optimized", "eager")
    return {
        "machine": {"processor": processor(), "threads": threads, "system": platform.platform()},
        "versions": versions_of(PACKAGES),
        "rounds": rounds,
        "seconds": seconds,
        "rows": rows,
        "against_others": compare(rows),
        "against_others_best": compare(rows, "best_ms"),
        "optimized_against_eager": {
            "nets": sped,
            "geometric_mean": geometric_mean(list(sped.values())) if sped else None,
        },
        "left_out": left_out,
    }


def _installed(engines: Sequence[str], named: bool) -> tuple[list[str], list[str]]:
    chosen, left_out = [], []
    for name in engines:
        if name not in ENGINES:
            raise InputError(f"--engines={name}: no such engine; there are {', '.join(ENGINES)}")
        if missing := ENGINES[name].missing:
            told = f"{name}, which needs {missing[0]}: pip install 'tvn-port[benchmark]'"
            if named:
                raise InputError(f"--engines={told}")
            left_out.append(told)
        else:
            chosen.append(name)
    return chosen, left_out
