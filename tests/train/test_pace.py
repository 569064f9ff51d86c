"""How long a run will take, and how many epochs a budget holds."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from train.pace import PLANNED_SHARE, Pace, Plan, clock

plans = st.builds(
    Plan,
    steps_per_epoch=st.integers(1, 200),
    clips_per_step=st.integers(1, 64),
    evaluate_every=st.integers(1, 10),
    test_clips=st.integers(1, 500),
    final_clips=st.integers(1, 5000),
)


def at(seconds_per_step: float, test_seconds: float | None = None) -> Pace:
    return Pace(step_seconds=10 * seconds_per_step, steps=10, test_seconds=test_seconds)


@given(plans, st.floats(0.01, 5), st.floats(0, 3600), st.integers(0, 500))
def test_a_budget_holds_the_epochs_fitted_to_it_and_not_one_more(
    plan: Plan, speed: float, spent: float, step: int
) -> None:
    pace, budget = at(speed), 3600.0
    epochs = plan.fitting_epochs(pace, spent, step, budget)
    current = step // plan.steps_per_epoch + 1
    assert epochs >= current
    available = budget * PLANNED_SHARE - spent
    assert epochs == current or plan.seconds(pace, epochs, step) <= available
    assert plan.seconds(pace, epochs + 1, step) > available


def test_an_estimate_adds_up_steps_tests_and_the_last_test() -> None:
    plan = Plan(10, 8, evaluate_every=2, test_clips=20, final_clips=60)
    assert plan.seconds(at(0.5, test_seconds=3.0), epochs=5) == 25 + 3 * 3 + 9
    assert plan.seconds(at(0.5, test_seconds=3.0), epochs=5, step=40) == 5 + 1 * 3 + 9
    slow = replace(at(0.5, test_seconds=3.0), save_seconds=2.0)
    assert plan.seconds(slow, epochs=5, step=40) == 5 + 2 + 1 * 3 + 9


def test_slow_first_steps_do_not_count() -> None:
    pace = Pace()
    for _ in range(5):
        with pace.step(), pace.waiting():
            pass
    assert pace.steps == 3
    assert 0 < pace.waited <= pace.trained


@pytest.mark.parametrize(
    ("seconds", "said"), [(12.4, "12 s"), (200, "3 min 20 s"), (7500, "2 h 05 min")]
)
def test_durations_are_said_in_fitting_units(seconds: float, said: str) -> None:
    assert clock(seconds) == said
