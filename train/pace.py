"""How fast a run goes, how long it will take, and how many epochs fit into a budget."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

# Of a budget, what is planned for; the rest is for what no plan knows.
PLANNED_SHARE = 0.95
# Steps that are slow since everything is new (memory, compilation, the first read of files).
SLOW_STEPS = 2
# A clip tested costs about a third of a clip trained on, which also goes backward.
TEST_COST = 1 / 3
# Seconds; what a clock without a better resolution would call nothing. Keeps every plan finite.
SHORTEST_STEP = 1e-6


@dataclass
class Pace:
    """Times of one sitting, in seconds.

    Attributes:
        step_seconds: spent on steps after the slow first ones, waiting for data included.
        steps: how many those were.
        waited: of all steps, spent waiting for data.
        trained: of all steps.
        test_seconds: what the latest test took; None before the first.
        save_seconds: what the latest checkpoint took.
    """

    step_seconds: float = 0.0
    steps: int = 0
    waited: float = 0.0
    trained: float = 0.0
    test_seconds: float | None = None
    save_seconds: float = 0.0
    _slow: int = SLOW_STEPS
    _began: float = field(default_factory=time.monotonic)

    @property
    def elapsed(self) -> float:
        """Since the sitting began."""
        return time.monotonic() - self._began

    @property
    def waiting_share(self) -> float:
        """Of the time spent on steps, the share spent waiting for data."""
        return self.waited / self.trained if self.trained else 0.0

    @property
    def seconds_per_step(self) -> float:
        """Mean over the steps that count; before those, over all."""
        return self.step_seconds / self.steps if self.steps else self.trained

    @contextmanager
    def step(self) -> Iterator[None]:
        """Around everything that a step does."""
        start = time.monotonic()
        yield
        took = time.monotonic() - start
        self.trained += took
        if self._slow:
            self._slow -= 1
        else:
            self.step_seconds += took
            self.steps += 1

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """Around what waits for data."""
        start = time.monotonic()
        yield
        self.waited += time.monotonic() - start

    @contextmanager
    def testing(self) -> Iterator[None]:
        """Around a test."""
        start = time.monotonic()
        yield
        self.test_seconds = time.monotonic() - start

    @contextmanager
    def saving(self) -> Iterator[None]:
        """Around the writing of a checkpoint."""
        start = time.monotonic()
        yield
        self.save_seconds = time.monotonic() - start


@dataclass(frozen=True)
class Plan:
    """What a run has to do.

    `test_clips` are those of one test while training, `final_clips` those of the last test.
    """

    steps_per_epoch: int
    clips_per_step: int
    evaluate_every: int
    test_clips: int
    final_clips: int

    def seconds(self, pace: Pace, epochs: int, step: int = 0) -> float:
        """How long a run of `epochs` takes from step `step` to its end."""
        per_step = max(pace.seconds_per_step, SHORTEST_STEP)
        per_clip = TEST_COST * per_step / self.clips_per_step
        test = pace.test_seconds
        if test is None:
            test = per_clip * self.test_clips
        done = step // self.steps_per_epoch
        tests = -(-epochs // self.evaluate_every) - done // self.evaluate_every
        final = test * self.final_clips / max(1, self.test_clips)
        steps = epochs * self.steps_per_epoch - step
        saves = (epochs - done) * pace.save_seconds
        return steps * per_step + saves + tests * test + final

    def fitting_epochs(self, pace: Pace, spent: float, step: int, budget: float) -> int:
        """The most epochs that end within `budget` seconds of which `spent` are gone; at least 1.

        Never fewer than the one that step `step` is in.
        """
        least = step // self.steps_per_epoch + 1
        available = budget * PLANNED_SHARE - spent
        epochs = least
        while self.seconds(pace, epochs + 1, step) <= available:
            # In leaps, since a day of a small net holds a hundred thousand epochs.
            leap = 1
            while self.seconds(pace, epochs + 2 * leap, step) <= available:
                leap *= 2
            epochs += leap
        return epochs


def clock(seconds: float) -> str:
    """Seconds as `2 h 05 min`, `3 min 20 s` or `12 s`."""
    total = round(seconds)
    hours, minutes = divmod(total // 60, 60)
    if hours:
        return f"{hours} h {minutes:02} min"
    return f"{minutes} min {total % 60:02} s" if minutes else f"{total} s"
