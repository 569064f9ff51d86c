"""Whether a fault has the same verdict in a published net as in its narrow copy."""

import zlib
from typing import Any

import numpy as np

from verify.measure import training_mutants
from verify.measure.bench import Bench, bench_of
from verify.measure.mutants import sites
from verify.tvn.cases import full, narrow


def sample(name: str, number: int) -> list[dict[str, Any]]:
    """`number` mutants that are seen in the narrow net, planted in the published one too."""
    small, large = narrow(name), full(name)
    found = sites(small)
    order = np.random.default_rng(zlib.crc32(name.encode())).permutation(len(found))
    bench = bench_of(small)
    rows, planted = [], []
    for index in order:
        _, fault, tap = found[index]
        verdict = bench.judge([(fault, tap)])
        if verdict is not None:
            planted.append((fault, tap))
            rows.append({"case": name, "fault": fault.name, "tap": tap, "narrow": verdict.complaint,
                         "narrow_first": verdict.tap})  # fmt: skip
        if len(rows) == number:
            break
    bench.close()
    bench = Bench(large.spec(), large.variables, [tap for _, tap in planted])
    for row, each in zip(rows, planted, strict=True):
        verdict = bench.judge([each])
        row["full"] = "" if verdict is None else verdict.complaint
        row["full_first"] = "" if verdict is None else verdict.tap
        row["same"] = (row["full"], row["full_first"]) == (row["narrow"], row["narrow_first"])
    right: dict[str, Any] = {"case": name, "fault": "", "tap": "", "same": bench.passes()}
    bench.close()
    return [*rows, right]


def training_sample(name: str, number: int, pixels: int) -> list[dict[str, Any]]:
    """`number` faults of training that are seen in the narrow net, planted in the published one."""
    small = narrow(name)
    every = training_mutants.sites(small)
    order = np.random.default_rng(zlib.crc32(name.encode())).permutation(len(every))
    planted = [every[index] for index in order[: 2 * number]]
    seen = [
        (each, row)
        for each, row in zip(planted, training_mutants.judged(small, planted, pixels), strict=True)
        if not row["equivalent"]
    ][:number]
    wide = training_mutants.judged(full(name), [each for each, _ in seen])
    return [
        {
            "case": name, "fault": fault.name, "tap": path,
            "narrow": one["reason"], "narrow_first": one["first"],
            "full": other["reason"], "full_first": other["first"],
            "same": (one["reason"], one["first"]) == (other["reason"], other["first"]),
        }
        for ((fault, path), one), other in zip(seen, wide, strict=True)
    ]  # fmt: skip
