"""What a checkpoint holds beside the model is told apart by rule; the rest is never dropped."""

import re

import pytest

from port import InputError
from port.convert.names import table
from port.convert.select import SLOTS, select
from tests.port.nets import small_genotype

ROWS = table(small_genotype(), 5)
NAMES = [row.tf_name for row in ROWS]
TRAINABLE = [row.tf_name for row in ROWS if row.trainable]
AVERAGES = [f"{name}/ExponentialMovingAverage" for name in TRAINABLE]
ITSELF = dict(zip(NAMES, NAMES, strict=True))


def test_a_bare_model_is_its_own_selection() -> None:
    selection = select(NAMES, ROWS)
    assert (selection.stored, selection.set_aside, selection.prefix) == (ITSELF, {}, "")


@pytest.mark.parametrize("prefix", ["", "module/", "a/b/"])
def test_training_state_is_set_aside_with_its_reason(prefix: str) -> None:
    slots = [f"{prefix}{name}/{slot}" for name in TRAINABLE[:3] for slot in sorted(SLOTS)]
    averages = [prefix + name for name in AVERAGES]
    beside = {
        "global_step": "step counter",
        f"{prefix}global_step": "step counter",
        "beta1_power": "optimizer state",
        "save_counter": "save counter",
        "_CHECKPOINTABLE_OBJECT_GRAPH": "object graph",
    }
    found = [*(prefix + name for name in NAMES), *slots, *averages, *beside]
    selection = select(found, ROWS)
    assert selection.prefix == prefix
    assert selection.stored == {name: prefix + name for name in NAMES}
    assert selection.set_aside == (
        dict.fromkeys(slots, "optimizer slot") | dict.fromkeys(averages, "moving average") | beside
    )


@pytest.mark.parametrize(
    "stray",
    [
        "Block-9-0/Momentum",  # a slot of nothing
        f"{NAMES[0]}/Momentums",
        "dense_1/bias",
        "module/dense/bias_2",
    ],
)
def test_what_no_rule_explains_stays_for_the_strict_check(stray: str) -> None:
    assert select([*NAMES, stray], ROWS).stored == ITSELF | {stray: stray}


def test_averages_replace_weights_but_not_batch_norms_statistics() -> None:
    selection = select([*NAMES, *AVERAGES], ROWS, use_ema=True)
    assert selection.stored == ITSELF | dict(zip(TRAINABLE, AVERAGES, strict=True))
    assert selection.set_aside == dict.fromkeys(TRAINABLE, "replaced by its moving average")


def test_averages_of_statistics_are_taken_where_there_are_any() -> None:
    every = {name: f"{name}/ExponentialMovingAverage" for name in NAMES}
    assert select([*NAMES, *every.values()], ROWS, use_ema=True).stored == every


def test_a_missing_average_is_named() -> None:
    with pytest.raises(InputError, match=re.escape(f"1 variables ({TRAINABLE[0]}")):
        select([*NAMES, *AVERAGES[1:]], ROWS, use_ema=True)


def test_two_copies_of_the_model_need_a_choice() -> None:
    found = [prefix + name for prefix in ("teacher/", "student/") for name in NAMES]
    with pytest.raises(InputError, match=r"'student/' 'teacher/'.*--prefix"):
        select(found, ROWS)
    selection = select(found, ROWS, prefix="teacher/")
    assert {name: selection.stored[name] for name in NAMES} == {
        name: f"teacher/{name}" for name in NAMES
    }


def test_the_fuller_copy_wins() -> None:
    partial = [f"other/{name}" for name in NAMES[-3:]]
    assert select([*partial, *(f"module/{name}" for name in NAMES)], ROWS).prefix == "module/"
