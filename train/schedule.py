"""The learning rate: it rises in a line, then falls along a cosine."""

import math


def learning_rate(step: int, total: int, warmup: int, peak: float, final: float = 0.0) -> float:
    """The rate of step `step`, counted from 0, of `total`.

    Args:
        step: which step.
        total: steps of the run.
        warmup: steps in which the rate rises; the first one has `peak / warmup`.
        peak: the highest rate.
        final: what the cosine ends at, as a share of `peak`.
    """
    if step < warmup:
        return peak * (step + 1) / warmup
    progress = min(1.0, (step - warmup) / max(1, total - warmup))
    return peak * (final + (1 - final) * 0.5 * (1 + math.cos(math.pi * progress)))
