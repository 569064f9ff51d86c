"""Which videos a process reads, in which order: a function of seed and step, so nothing to store.

One sampler lasts the whole run, over all epochs: workers never stop to start again, and a run
goes on in the middle of an epoch from nothing but the number of its step.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from torch.utils.data import Sampler

from port.errors import InputError

Key = tuple[int, int]  # (epoch, index of the video)


@dataclass(frozen=True)
class Batches:
    """How the videos of an epoch become steps.

    Args:
        videos: how many there are.
        batch_size: clips a step, over all processes and parts.
        seed: of the order.
        parts: processes times parts a step is accumulated from.

    Raises:
        InputError: a step does not divide into its parts.
    """

    videos: int
    batch_size: int
    seed: int
    parts: int = 1

    def __post_init__(self) -> None:
        """Refuse what does not divide."""
        if self.batch_size % self.parts:
            raise InputError(
                f"batch_size={self.batch_size}: must be a multiple of {self.parts}, the number of "
                "processes times accumulate"
            )
        if self.videos < self.parts:
            raise InputError(f"{self.videos} training videos: too few for {self.parts} parts")

    @property
    def clips_per_step(self) -> int:
        """`batch_size`, or all videos there are where those are fewer."""
        return min(self.batch_size, self.videos // self.parts * self.parts)

    @property
    def steps_per_epoch(self) -> int:
        """Whole steps; the few videos that are left over in one epoch are others in the next."""
        return self.videos // self.clips_per_step

    def step(self, step: int) -> list[list[Key]]:
        """The keys of step `step`, counted over all epochs, in its parts."""
        epoch, position = divmod(step, self.steps_per_epoch)
        order = np.random.default_rng((self.seed, epoch)).permutation(self.videos)
        chosen = order[position * self.clips_per_step : (position + 1) * self.clips_per_step]
        return [[(epoch, int(i)) for i in part] for part in np.split(chosen, self.parts)]


class TrainSampler(Sampler[list[Key]]):
    """The batches of one process from step `start` on, without an end.

    In each step a process has as many batches as the step is accumulated from. The parts of a step
    are dealt out so that the processes together read what one process would.
    """

    def __init__(self, batches: Batches, start: int = 0, rank: int = 0, world: int = 1) -> None:
        self.batches, self.start, self.rank, self.world = batches, start, rank, world

    def __iter__(self) -> Iterator[list[Key]]:
        """Keys `(epoch, index)` of one batch at a time."""
        step = self.start
        while True:
            yield from self.batches.step(step)[self.rank :: self.world]
            step += 1


class ShardSampler(Sampler[int]):
    """Every `world`-th video's clips, from `rank` on: together each clip once, none twice."""

    def __init__(self, videos: int, clips: int, rank: int = 0, world: int = 1) -> None:
        self.indices = [
            video * clips + clip for video in range(rank, videos, world) for clip in range(clips)
        ]

    def __iter__(self) -> Iterator[int]:
        """Indices of clips; `clips` of them in a row are one video's."""
        return iter(self.indices)

    def __len__(self) -> int:
        """Clips of this process."""
        return len(self.indices)
