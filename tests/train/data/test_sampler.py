"""Every video once an epoch, whoever reads it, wherever the run began to read."""

from itertools import islice

import pytest
from hypothesis import given
from hypothesis import strategies as st

from port.errors import InputError
from train.data.sampler import Batches, ShardSampler, TrainSampler


@st.composite
def batches(draw: st.DrawFn) -> Batches:
    parts = draw(st.integers(1, 4))
    size = parts * draw(st.integers(1, 5))
    return Batches(draw(st.integers(parts, 60)), size, draw(st.integers(0, 9)), parts)


@given(batches(), st.integers(0, 3))
def test_an_epoch_has_no_video_twice_and_leaves_out_less_than_a_step(
    plan: Batches, epoch: int
) -> None:
    first = epoch * plan.steps_per_epoch
    keys = [k for s in range(plan.steps_per_epoch) for part in plan.step(first + s) for k in part]
    assert {key[0] for key in keys} == {epoch}
    assert len({key[1] for key in keys}) == len(keys)
    assert plan.videos - len(keys) < plan.clips_per_step


def test_epochs_differ_and_seeds_differ() -> None:
    plan = Batches(50, 10, 0)
    assert plan.step(0) != [[(0, i) for _, i in part] for part in plan.step(plan.steps_per_epoch)]
    assert plan.step(0) != Batches(50, 10, 1).step(0)


@given(batches(), st.integers(0, 40))
def test_going_on_reads_what_would_have_come(plan: Batches, start: int) -> None:
    whole = list(islice(TrainSampler(plan), (start + 3) * plan.parts))
    rest = list(islice(TrainSampler(plan, start), 3 * plan.parts))
    assert whole[start * plan.parts :] == rest


@given(st.integers(1, 4), st.integers(1, 3), st.integers(0, 5))
def test_processes_together_read_what_one_would(world: int, accumulate: int, start: int) -> None:
    parts = world * accumulate
    plan = Batches(40, 2 * parts, 0, parts)
    readers = [iter(TrainSampler(plan, start, rank, world)) for rank in range(world)]
    for step in range(start, start + 5):
        read = [key for reader in readers for part in islice(reader, accumulate) for key in part]
        alone = [key for part in Batches(40, 2 * parts, 0).step(step) for key in part]
        assert sorted(read) == sorted(alone)
        assert len(read) == 2 * parts


@given(st.integers(1, 30), st.integers(1, 4), st.integers(1, 5))
def test_a_test_reads_every_clip_once(videos: int, clips: int, world: int) -> None:
    shards = [list(ShardSampler(videos, clips, rank, world)) for rank in range(world)]
    assert sorted(i for shard in shards for i in shard) == list(range(videos * clips))
    assert all(len(ShardSampler(videos, clips, r, world)) == len(s) for r, s in enumerate(shards))


def test_what_does_not_divide_is_refused() -> None:
    with pytest.raises(InputError, match="multiple of 4"):
        Batches(100, 6, 0, 4)
    with pytest.raises(InputError, match="too few"):
        Batches(3, 8, 0, 4)
