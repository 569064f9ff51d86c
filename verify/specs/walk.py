"""The walk through a net's stages: each runs on what those before it computed, as long as needed.

A net's taps do not all fit in memory. So what a stage computes is handed out, and of it only what
later stages still read is carried on.
"""

from collections import deque
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from verify.specs.spec import Arrays, PortRunner, Stage

# Every tap of a stage that could be computed from what it is given.
Run = Callable[[Stage, Arrays], Arrays]


@dataclass(frozen=True, slots=True)
class Step:
    """A stage that ran: what was `given` to it, and the `taps` that it computed."""

    stage: Stage
    given: Arrays
    taps: Arrays

    @property
    def seen(self) -> Arrays:
        """All that its layers read."""
        return self.given | self.taps


def walk(stages: Sequence[Stage], inputs: Mapping[str, np.ndarray], run: Run) -> Iterator[Step]:
    """Run one stage after the other.

    Args:
        stages: in the order of computation.
        inputs: what the first ones read.
        run: runs a stage; of an original, `run_stage`, of a port, see `all_taps`. A stage that
            reads what a port did not get as far as computing is not run, and has no taps.
    """
    carried = dict(inputs)
    for stage, still_read in steps(stages):
        taps = run(stage, carried) if can_run(stage, carried) else {}
        yield Step(stage, carried, taps)
        carried = kept(carried | taps, still_read)


def last_of(walked: Iterator[Step]) -> Step:
    """A walk's last step; the others are let go on the way."""
    (step,) = deque(walked, maxlen=1)
    return step


def all_taps(port: PortRunner) -> Run:
    """Runs a stage of a port, and keeps every tap of it."""

    def run(stage: Stage, given: Arrays) -> Arrays:
        taps: Arrays = {}
        port.run_stage(stage, given, taps.__setitem__)
        return taps

    return run


def steps(stages: Sequence[Stage]) -> Iterator[tuple[Stage, set[str]]]:
    """Each stage, and what those behind it still read."""
    for index, stage in enumerate(stages):
        yield stage, {name for later in stages[index + 1 :] for name in later.reads}


def can_run(stage: Stage, carried: Collection[str]) -> bool:
    """Whether all that the stage reads is there."""
    return all(name in carried for name in stage.reads)


def kept(arrays: Arrays, still_read: Collection[str]) -> Arrays:
    """Of these, what is still read."""
    return {name: array for name, array in arrays.items() if name in still_read}
