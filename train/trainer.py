"""One training step: the net with its optimizer, moving average and loss scale."""

from collections.abc import Iterable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.parallel import DistributedDataParallel

from port.errors import InputError
from port.model import TinyVideoNet
from train.average import make_average
from train.checkpoint_form import check_names, check_range, checked, checked_optimizer
from train.config import Config
from train.data.clips import Batch
from train.data.transform import augment
from train.distributed import World
from train.mixup import mix, one_hot
from train.optim import freeze, make_optimizer, set_learning_rate, set_training_mode

# Of the loss, in fp16: what float32 holds, and its inverse, too.
SMALLEST_SCALE, LARGEST_SCALE = 2.0**-126, 2.0**126
HALF_TYPES = {"bf16": torch.bfloat16, "fp16": torch.float16}


class Trainer:
    """Everything that a step changes.

    Args:
        net: is trained in place, after it was moved to the device.
        config: of the run.
        world: this process among those of the run.

    Raises:
        InputError: a setting that the net or the device cannot follow.
    """

    def __init__(self, net: TinyVideoNet, config: Config, world: World) -> None:
        self.config, self.world = config, world
        self.size = net.genotype.clip.image_size
        freeze(net, config.freeze_stages)
        if config.sync_norm:
            net = _with_synchronised_norms(net, world)
        self.net = to_device(net, config, world)
        self.optimizer = make_optimizer(self.net, config)
        self.average = make_average(self.net, config.average) if config.average else None
        # Scaling keeps small gradients from vanishing in fp16; elsewhere it does nothing.
        self.scaler = torch.amp.GradScaler(world.device.type, enabled=config.precision == "fp16")
        self._model: nn.Module = torch.compile(self.net) if config.compile else self.net  # type: ignore[assignment]
        if world.size > 1:
            self._model = DistributedDataParallel(
                self._model, [world.device] if world.device.type == "cuda" else None
            )

    @property
    def best_net(self) -> TinyVideoNet:
        """What is tested and kept for use: the average where there is one."""
        return self.average.module if self.average is not None else self.net  # type: ignore[return-value]

    def step(self, number: int, rate: float, parts: Iterable[Batch]) -> Tensor:
        """Train on the clips of step `number`, given in `accumulate` parts.

        Returns:
            The mean loss of this process's clips, still on the device.
        """
        # Dropout and mixing depend on the step alone: a run goes on without stored random states.
        torch.manual_seed(step_seed(self.config.seed, number, self.world.rank))
        set_training_mode(self.net, self.config)
        set_learning_rate(self.optimizer, rate)
        self.optimizer.zero_grad(set_to_none=True)
        total = torch.zeros((), device=self.world.device)
        for part, batch in enumerate(parts, start=1):
            with self._quiet_until_last(part):
                loss = self.loss(batch) / self.config.accumulate
                self.scaler.scale(loss).backward()
            total += loss.detach()
        self.update()
        return total

    def loss(self, batch: Batch) -> Tensor:
        """Of the clips, augmented and mixed, and their labels, mixed likewise."""
        device = self.world.device
        clips = augment(batch, self.size, self.config.augmentation, device)
        targets = one_hot(batch.labels.to(device), self.net.num_classes)
        return self.loss_of(*mix(clips, targets, self.config.mixup))

    def loss_of(self, clips: Tensor, targets: Tensor) -> Tensor:
        """Cross-entropy of clips `[B, 3, T, H, W]` with smoothed `targets` `[B, classes]`."""
        with arithmetic(self.config, self.world.device):
            logits = self._model(laid_out(clips, self.config))
        smoothing = self.config.label_smoothing
        return F.cross_entropy(logits.float(), targets, label_smoothing=smoothing)

    def update(self) -> None:
        """Let the optimizer and the average follow the gradients that are there."""
        if self.config.clip_norm:
            self.scaler.unscale_(self.optimizer)
            parameters = [p for p in self.net.parameters() if p.requires_grad]
            nn.utils.clip_grad_norm_(parameters, self.config.clip_norm)
        self.scaler.step(self.optimizer)
        self.scaler.update()
        if self.average is not None:
            self.average.update_parameters(self.net)

    def state_dict(self) -> dict[str, Any]:
        """All that training changed."""
        return {
            "net": self.net.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "scaler": self.scaler.state_dict(),
            "average": None if self.average is None else self.average.state_dict(),
        }

    def checked(self, state: Any, step: int) -> dict[str, Any]:
        """A copy of `state`, if this trainer may have saved it after `step` steps.

        Raises:
            InputError: begins with the name of what is wrong.
        """
        own = self.state_dict()
        check_names(state, own, "trainer")
        found = {key: checked(state[key], own[key], key) for key in ("net", "scaler", "average")}
        if self.average is not None:
            updates = int(found["average"]["n_averaged"])
            check_range(updates, step + 1, step + 1, "average.n_averaged")
        if self.scaler.is_enabled():
            _check_scaler(found["scaler"], own["scaler"])
        may_skip = self.scaler.is_enabled()
        optimizer = checked_optimizer(state["optimizer"], self.optimizer, step, may_skip)
        return found | {"optimizer": optimizer}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """The inverse of `state_dict`."""
        self.net.load_state_dict(state["net"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.scaler.load_state_dict(state["scaler"])
        if self.average is not None:
            self.average.load_state_dict(state["average"])

    def _quiet_until_last(self, part: int) -> AbstractContextManager[None]:
        """Processes exchange gradients once a step, not once a part."""
        if isinstance(self._model, DistributedDataParallel) and part < self.config.accumulate:
            return self._model.no_sync()
        return nullcontext()


def _check_scaler(found: dict[str, Any], own: dict[str, Any]) -> None:
    """Raises InputError where a scale or count is out of bounds, or what is settled differs."""
    check_range(found["scale"], SMALLEST_SCALE, LARGEST_SCALE, "scaler.scale")
    check_range(found["_growth_tracker"], 0, own["growth_interval"], "scaler._growth_tracker")
    for key in ("growth_factor", "backoff_factor", "growth_interval"):
        check_range(found[key], own[key], own[key], f"scaler.{key}")


def step_seed(seed: int, step: int, rank: int) -> int:
    """A seed of its own for every step and process."""
    return int(np.random.SeedSequence((seed, step, rank)).generate_state(1, np.uint64)[0] >> 1)


def to_device(net: TinyVideoNet, config: Config, world: World) -> TinyVideoNet:
    """The net on the device, in the layout that the configuration asks for."""
    layout = torch.channels_last if config.channels_last else torch.contiguous_format
    return net.to(world.device).to(memory_format=layout)  # type: ignore[call-overload]


def laid_out(clips: Tensor, config: Config) -> Tensor:
    """Clips `[B, 3, T, H, W]` in that layout; the net sees them as frames `[B*T, 3, H, W]`."""
    layout = torch.channels_last_3d if config.channels_last else torch.contiguous_format
    return clips.contiguous(memory_format=layout)


def arithmetic(config: Config, device: torch.device) -> AbstractContextManager[Any]:
    """Where the net computes in half precision, if it is to."""
    kind = HALF_TYPES.get(config.precision)
    return nullcontext() if kind is None else torch.autocast(device.type, kind)


def _with_synchronised_norms(net: TinyVideoNet, world: World) -> TinyVideoNet:
    if world.device.type != "cuda":
        raise InputError(
            "sync_norm=true: PyTorch synchronises batch norms on GPUs only; on a CPU use "
            "freeze_norm=true"
        )
    return nn.SyncBatchNorm.convert_sync_batchnorm(net)
