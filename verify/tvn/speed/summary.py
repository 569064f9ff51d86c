"""What the figures come to: geometric means over nets, of ours against the best of the others."""

from collections.abc import Sequence
from statistics import geometric_mean
from typing import Any

from verify.tvn.speed.engines import ENGINES


def compare(rows: Sequence[dict[str, Any]], figure: str = "median_ms") -> list[dict[str, Any]]:
    """For each batch and precision, how much faster the best of ours is than the best of others.

    Args:
        rows: of `Timing.to_dict`.
        figure: which of their times.
    """
    found = []
    timed = [row for row in rows if row["agrees"] and figure in row]
    for batch in sorted({row["batch"] for row in timed}):
        for exact in (True, False):
            ratios: dict[str, float] = {}
            for net in dict.fromkeys(row["net"] for row in timed):
                of_net = [row for row in timed if (row["net"], row["batch"]) == (net, batch)
                          and ENGINES[row["engine"]].exact is exact]  # fmt: skip
                ours = [r[figure] for r in of_net if ENGINES[r["engine"]].ours]
                others = [r[figure] for r in of_net if not ENGINES[r["engine"]].ours]
                if ours and others:
                    ratios[net] = min(others) / min(ours)
            if ratios:
                mean = geometric_mean(list(ratios.values()))
                told = {"batch": batch, "precision": "float32" if exact else "bfloat16"}
                found.append(told | {"figure": figure, "nets": ratios, "geometric_mean": mean})
    return found


def speed_up(rows: Sequence[dict[str, Any]], one: str, other: str) -> dict[str, float]:
    """By net, how much faster engine `one` is than `other`, at the smallest batch."""
    batch = min((row["batch"] for row in rows), default=1)
    times = {(row["net"], row["engine"]): row.get("median_ms")
             for row in rows if row["batch"] == batch}  # fmt: skip
    nets = dict.fromkeys(row["net"] for row in rows)
    found = {net: (times.get((net, one)), times.get((net, other))) for net in nets}
    return {net: slow / fast for net, (fast, slow) in found.items() if fast and slow}
