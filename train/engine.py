"""The loop: steps, tests, checkpoints, until the epochs are done or a signal stops it."""

import time
from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from port.errors import InputError
from train import checkpoint
from train.checkpoint_form import most_bytes
from train.data.clips import Batch
from train.data.loaders import train_batches
from train.data.sampler import Batches
from train.data.splits import Split
from train.distributed import World
from train.evaluation import predict_videos
from train.logs import Logs
from train.pace import Pace, Plan, clock
from train.position import Position
from train.results import Results
from train.run import Run
from train.schedule import learning_rate
from train.signals import Stopped, unbroken
from train.trainer import Trainer

# With several processes: steps between two agreements on whether to stop or to save. Signals do not
# reach all of them at once, and asking every step would make a GPU wait.
STEPS_TO_AGREE = 5


class Engine:
    """Trains a run to its end, or until it is stopped.

    Args:
        run: its folder.
        split: the videos.
        trainer: holds the net.
        world: this process among those of the run.
        stopping: whether this process was asked to stop.
    """

    def __init__(
        self,
        run: Run,
        split: Split,
        trainer: Trainer,
        world: World,
        stopping: Callable[[], bool] = lambda: False,
    ) -> None:
        self.run, self.split, self.trainer, self.world = run, split, trainer, world
        self.config = run.config
        self.batches = Batches(
            len(split.train),
            self.config.batch_size,
            self.config.seed,
            world.size * self.config.accumulate,
        )
        self.position = Position(self.config.epochs)
        self._stopping = stopping
        self._pending: list[Tensor] = []
        self._failed: set[str] = set()
        self._estimated = False

    @property
    def total(self) -> int:
        """Steps of the run."""
        return self.position.epochs * self.batches.steps_per_epoch

    @property
    def finished(self) -> bool:
        """Whether all steps are done and tested."""
        return self.position.step >= self.total and not self._test_due()

    def go_on(self, resume: str = "last") -> None:
        """Take up what the run's last checkpoint holds.

        Args:
            resume: `previous` takes the checkpoint before it where the last is damaged.

        Raises:
            InputError: says what is damaged; nothing of it was used.
        """
        folder = self.run.folder
        (self.position, trained), path = checkpoint.take_up(folder, self._restored, resume)
        self._failed = set(self.position.failed)
        self.trainer.load_state_dict(trained)
        self.world.gather(None)  # until then, others may be reading
        if self.world.main:
            checkpoint.clear_leftovers(folder)
            if path != checkpoint.newest_checkpoint(folder):
                checkpoint.set_damaged_aside(folder)

    def _restored(self, path: Path) -> tuple[Position, dict[str, Any]]:
        """What a checkpoint holds, if all of it is what this run may have saved."""
        state = checkpoint.load(path, most_bytes(self.trainer.net.state_dict()))
        try:
            position = Position.restored(
                state.get("position"), self.config, self.batches.steps_per_epoch
            )
            return position, self.trainer.checked(state.get("trainer"), position.step)
        except InputError as error:
            raise InputError(f"{path}: damaged: {error}") from None

    def train(self) -> bool:
        """Train; True at the end, False where a signal stopped it, its state saved.

        Raises:
            InputError: a NaN, too many broken files, a full disk, a lost process or worker.
        """
        self._pace, self._saved = Pace(), time.monotonic()
        self._before = self.position.seconds
        folder = self.run.folder if self.world.main else None
        position = self.position
        with Logs(folder, self.total, position.step, position.lines) as self._logs:
            if self.position.step == 0:
                self.save()  # so that there is a last good checkpoint from the beginning
            try:
                with closing(self._batches()) as batches:
                    while not self.finished:
                        if self._agreed(self._stopping()):
                            raise Stopped
                        self._advance(batches)
            except Stopped:
                self.save()
                self._logs.say(f"stopped at step {self.position.step}; state saved")
                return False
        return True

    def save(self) -> None:
        """Write the checkpoint that a run goes on from."""
        with unbroken():
            self._settle()
            self.position.seconds = self._before + self._pace.elapsed
            self.position.failed = sorted(self._failed)
            self.position.lines = self._logs.lines
            self._saved = time.monotonic()
            if self.world.main:
                with self._pace.saving():
                    self._write()

    def _write(self) -> None:
        trained = self.trainer.state_dict()
        checkpoint.check_finite(trained["net"], self.position.step)
        kept_epoch = None
        epoch, within = divmod(self.position.step, self.batches.steps_per_epoch)
        if within == 0:
            self.run.save_weights("last", self.trainer.best_net, self._about())
            if epoch and self.config.keep_every and epoch % self.config.keep_every == 0:
                kept_epoch = epoch
        state = {"position": asdict(self.position), "trainer": trained}
        checkpoint.save(self.run.folder, state, kept_epoch)

    def _batches(self) -> Generator[Batch]:
        videos, clip = self.split.train, self.trainer.net.genotype.clip
        start, world = self.position.step, self.world
        return train_batches(videos, clip, self.config, self.batches, start, world, self._stopping)

    def _advance(self, batches: Iterator[Batch]) -> None:
        """A step or a test, and what is due after it; raises Stopped if it was broken off."""
        if self._test_due():
            self._test()
            self.save()
            return
        with self._pace.step():
            self._step(batches)
        position, epoch_ends = self.position, self._epoch_ends()
        self._estimate(epoch_ends)
        if position.step % self.config.log_every == 0 or epoch_ends:
            self._log()
        late = time.monotonic() - self._saved >= self.config.save_minutes * 60
        if (epoch_ends and not self._test_due()) or self._agreed(late):
            self.save()

    def _step(self, batches: Iterator[Batch]) -> None:
        config, position = self.config, self.position
        with self._pace.waiting():
            parts = [next(batches) for _ in range(config.accumulate)]
        for part in parts:
            self._failed.update(part.failed)
        warmup = round(config.warmup * self.batches.steps_per_epoch)
        rate = learning_rate(position.step, self.total, warmup, config.lr, config.final_lr)
        self._rate = rate
        self._pending.append(self.trainer.step(position.step, rate, parts))
        position.step += 1

    def _settle(self) -> None:
        """Fetch the losses that are still on the device; refuse a NaN."""
        if not self._pending:
            return
        losses = torch.stack(self._pending).double().cpu()
        losses = self.world.sum(losses) / self.world.size
        if not bool(torch.isfinite(losses).all()):
            bad = int((~torch.isfinite(losses)).nonzero()[0])
            step = self.position.step - len(losses) + bad + 1
            raise InputError(checkpoint.not_finite("loss", step))
        for loss in losses.tolist():
            self.position.loss += loss
            self.position.losses += 1
        self._pending.clear()

    def _log(self) -> None:
        self._settle()
        position, pace = self.position, self._pace
        self._failed = set().union(*self.world.gather(self._failed))
        self._check_failed()
        values = {
            "epoch": position.step / self.batches.steps_per_epoch,
            "loss": position.loss / max(1, position.losses),
            "lr": self._rate,
            "clips_per_second": self.batches.clips_per_step / pace.seconds_per_step,
            "waiting": pace.waiting_share,
        }
        position.loss, position.losses = 0.0, 0
        self._logs.write("train", position.step, values)
        state = (
            f"loss {values['loss']:.3f}  {values['clips_per_second']:.1f} clips/s  "
            f"waiting {values['waiting']:.0%}"
        )
        self._logs.advance(position.step, self.total, state)

    def _check_failed(self) -> None:
        count, videos = len(self._failed), len(self.split.train)
        if count > self.config.max_failed * videos:
            shown = "; ".join(sorted(self._failed)[:3])
            raise InputError(
                f"{count} of {videos} training videos cannot be decoded, more than max_failed="
                f"{self.config.max_failed:g} allows: {shown}; run tvn data check"
            )

    def _test_due(self) -> bool:
        epoch, within = divmod(self.position.step, self.batches.steps_per_epoch)
        due = epoch % self.config.evaluate_every == 0 or epoch >= self.position.epochs
        return within == 0 and due and epoch > self.position.tested

    def _test(self) -> None:
        net, world = self.trainer.best_net, self.world
        world.share_buffers(net)
        with self._pace.testing():
            found = predict_videos(
                net, self.split.test, self.config, world, stopping=self._stopping
            )
        results = Results(found, self.run.class_names, {})
        position = self.position
        position.tested = position.step // self.batches.steps_per_epoch
        self._logs.write("test", position.step, {"epoch": position.tested, **results.summary()})
        if results.top1 > position.best:
            position.best = results.top1
            if world.main:
                self.run.save_weights("best", net, self._about() | results.summary())

    def _estimate(self, epoch_ends: bool) -> None:
        """Once, after a minute or an epoch: how long all will take; what fits into a budget."""
        position, pace = self.position, self._pace
        if self._estimated:
            return
        if not self._agreed(pace.trained >= self.config.estimate_after) and not epoch_ends:
            return
        self._estimated = True
        test, final = len(self.split.test), self.config.test_clips * self.config.test_crops
        plan = Plan(
            self.batches.steps_per_epoch,
            self.batches.clips_per_step,
            self.config.evaluate_every,
            test,
            test * final,
        )
        spent = self._before + pace.elapsed
        if self.config.budget and not position.fitted:
            budget = self.config.budget * 3600
            fitting = plan.fitting_epochs(pace, spent, position.step, budget)
            position.epochs, position.fitted = self.world.gather(fitting)[0], True
        total = spent + plan.seconds(pace, position.epochs, position.step)
        fitted = f", fitted to {clock(self.config.budget * 3600)}" if self.config.budget else ""
        self._logs.say(f"{position.epochs} epochs{fitted}: about {clock(total)} in all")

    def _epoch_ends(self) -> bool:
        return self.position.step % self.batches.steps_per_epoch == 0

    def _agreed(self, wish: bool) -> bool:
        """Whether any process wishes it; with several, asked in some steps only."""
        if self.world.size == 1:
            return wish
        return self.position.step % STEPS_TO_AGREE == 0 and self.world.any(wish)

    def _about(self) -> dict[str, object]:
        return {
            "epoch": self.position.step / self.batches.steps_per_epoch,
            "step": self.position.step,
            "averaged": self.trainer.average is not None,
        }
