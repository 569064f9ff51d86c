"""Where a run stands, between two of its steps."""

from dataclasses import asdict, dataclass, field
from typing import Any

from train.checkpoint_form import check_range, checked, names_of
from train.config import Config
from train.pace import SHORTEST_STEP


@dataclass
class Position:
    """Where a run stands, as a checkpoint keeps it.

    Attributes:
        step: steps done.
        epochs: of the run; a budget changes it once.
        fitted: whether that was done.
        tested: epochs after which the latest test was.
        best: the best top-1 of a test; -1 before the first.
        seconds: spent, in all sittings.
        losses: how many steps are summed up in `loss` since the last line of metrics.
        loss: their sum.
        lines: of metrics written.
        failed: files that could not be decoded.
    """

    epochs: int
    step: int = 0
    fitted: bool = False
    tested: int = 0
    best: float = -1.0
    seconds: float = 0.0
    losses: int = 0
    loss: float = 0.0
    lines: int = 0
    failed: list[str] = field(default_factory=list)

    @classmethod
    def restored(cls, found: Any, config: Config, steps_per_epoch: int) -> "Position":
        """The position that a checkpoint holds.

        Args:
            found: of the checkpoint.
            config: of the run.
            steps_per_epoch: of the run.

        Raises:
            InputError: a run of that configuration never stands there; begins with the name of what
                is wrong.
        """
        failed = names_of(found.get("failed"), "position.failed") if isinstance(found, dict) else []
        pattern = asdict(cls(config.epochs)) | {"failed": failed}
        position = cls(**checked(found, pattern, "position"))
        least, most = config.epochs, float(config.epochs)
        if position.fitted:  # no shorter steps are planned with
            least, most = 1, 1 + config.budget * 3600 / SHORTEST_STEP
        check_range(position.epochs, least, most, "position.epochs")
        steps = position.epochs * steps_per_epoch
        check_range(position.step, 0, steps, "position.step")
        check_range(position.tested, 0, position.step // steps_per_epoch, "position.tested")
        check_range(position.best, -1, 1, "position.best")
        check_range(position.seconds, 0, float("inf"), "position.seconds")
        check_range(position.losses, 0, position.step, "position.losses")
        check_range(position.lines, 0, position.step + position.tested, "position.lines")
        return position
