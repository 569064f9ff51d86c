"""A walk gives each stage what it reads, keeps what is read later, and lets go of the rest."""

import weakref
from collections.abc import Mapping

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from verify.specs.spec import Arrays, See, Stage
from verify.specs.walk import Step, all_taps, last_of, walk

STAGES = [
    Stage("first", ("input",), ("a", "b")),
    Stage("second", ("b",), ("c",)),
    Stage("third", ("a", "c"), ("d", "e")),
]
INPUTS = {"input": np.array([1.0])}


def added(stage: Stage, given: Mapping[str, np.ndarray]) -> Arrays:
    """Each tap is one more than the sum of what the stage reads and the taps before it."""
    total = sum(given[name] for name in stage.reads)
    taps: Arrays = {}
    for tap in stage.taps:
        taps[tap] = total + 1
        total = total + taps[tap]
    return taps


def test_each_stage_computes_from_what_was_computed_before() -> None:
    taps = {name: value.item() for step in walk(STAGES, INPUTS, added)
            for name, value in step.taps.items()}  # fmt: skip
    assert taps == {"a": 2, "b": 4, "c": 5, "d": 8, "e": 16}


def test_a_stage_is_given_what_it_or_a_later_one_reads() -> None:
    assert [set(step.given) for step in walk(STAGES, INPUTS, added)] == [
        {"input"},
        {"a", "b"},
        {"a", "c"},
    ]


def test_what_a_layer_may_read_is_what_was_given_and_the_stages_own_taps() -> None:
    last = last_of(walk(STAGES, INPUTS, added))
    assert set(last.seen) == {"a", "c", "d", "e"}


def test_what_nobody_reads_later_is_let_go() -> None:
    walked = walk(STAGES, dict(INPUTS), added)
    step: Step | None = next(walked)
    assert step is not None
    unread, read = weakref.ref(step.taps["b"]), weakref.ref(step.taps["a"])
    step = next(walked)
    step = next(walked)
    assert unread() is None
    assert read() is not None
    assert last_of(walk(STAGES, INPUTS, added)).taps.keys() == {"d", "e"}


class Refuses:
    """A port that does not get as far as `b`."""

    def run_stage(self, stage: Stage, given: Mapping[str, np.ndarray], see: See) -> None:
        for name, value in added(stage, given).items():
            if name == "b":
                return
            see(name, value)

    def run_layers(self, stage: Stage, seen: Mapping[str, np.ndarray], see: See) -> None:
        raise NotImplementedError

    def close(self) -> None:
        pass


def test_a_stage_that_lacks_what_it_reads_is_passed_over() -> None:
    computed = [set(step.taps) for step in walk(STAGES, INPUTS, all_taps(Refuses()))]
    assert computed == [{"a"}, set(), set()]


@given(st.lists(st.lists(st.integers(0, 30), max_size=3), min_size=1, max_size=8))
def test_however_stages_read_each_finds_it(reads: list[list[int]]) -> None:
    """Stage n reads the input and any taps of stages before it."""
    stages = [
        Stage(str(n), ("input", *dict.fromkeys(f"tap {r % n}" for r in some if n)), (f"tap {n}",))
        for n, some in enumerate(reads)
    ]
    everything = dict(INPUTS)
    for stage in stages:
        everything |= added(stage, everything)
    for step in walk(stages, INPUTS, added):
        assert step.taps == {name: everything[name] for name in step.stage.taps}
