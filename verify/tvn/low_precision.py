"""How far bfloat16 takes the port from the truth, and whether it still decides the same.

There is no pretence of float32 here: bfloat16 keeps 8 bits of a number, so each layer rounds by up
to 1 part in 512. The figures at the taps are for reading. What is judged is the use: the clips
that float32 decides clearly, by more than twice bfloat16's typical error in a difference of two
logits, must nearly all get the same top class.
"""

import copy
import time
from collections.abc import Mapping
from contextlib import closing
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from verify.numerics.compare import Difference, difference
from verify.numerics.probes import probe_video
from verify.reports.outcome import in_one_line
from verify.runners.pytorch import TorchRunner
from verify.specs.about import About
from verify.specs.spec import PortSpec, See, Stage
from verify.specs.walk import all_taps, walk
from verify.tvn.spec import VIDEO, TvnPort, stage_calls

SCHEMA = "tvn-low-precision-report/1"
CLIPS = 64
# Of the clips that are decided clearly. What is left is for errors beyond the typical.
AGREEMENT_BOUND = 0.95
# With fewer, one clip would decide.
MINIMUM_CLEAR = 10


@dataclass(frozen=True, slots=True)
class Agreement:
    """How often the top class is the same: `share` of all clips, `clear_share` of the clear ones.

    `clear` is how many those are; `classes` how many top classes occur, since one alone shows
    little.
    """

    share: float
    clear: int
    clear_share: float
    classes: int

    @property
    def judged(self) -> bool:
        """Are there clear decisions enough to say anything?"""
        return self.clear >= MINIMUM_CLEAR

    @property
    def kept(self) -> bool:
        """The clear decisions stay."""
        return self.clear_share >= AGREEMENT_BOUND

    def __str__(self) -> str:
        return (
            f"{self.share:.0%} of all ({self.classes} classes occur) and {self.clear_share:.0%} "
            f"of the {self.clear} clear ones{'' if self.judged else ', too few to judge'}"
        )


@dataclass(frozen=True, repr=False)
class LowPrecisionReport:
    """Errors by tap against the float64 truth, and how often the top class is the same.

    `centred` is the agreement after the mean over all clips was taken off the logits: seeded
    weights put nearly every clip into one class otherwise. It counts where it can be judged: what
    sets clips apart may be less, under seeded weights, than what bfloat16 rounds off.
    """

    name: str
    taps: Mapping[str, Difference]
    agreement: Agreement
    centred: Agreement
    about: About = field(default_factory=About)

    @property
    def passed(self) -> bool:
        """All is finite, and there are clear decisions, which stay."""
        apart = self.centred.kept or not self.centred.judged
        return (
            self.first_failure is None and self.agreement.judged and self.agreement.kept and apart
        )

    @property
    def first_failure(self) -> str | None:
        """The first tap with a NaN or an infinity."""
        return next((name for name, d in self.taps.items() if not np.isfinite(d.maximum)), None)

    @property
    def summary(self) -> str:
        """The outcome in one line."""
        worst = max(self.taps.values(), key=lambda difference: difference.relative)
        return (
            f"{self.name} has the same top class for {self.agreement} of {CLIPS} clips, without "
            f"what all clips share for {self.centred} ({AGREEMENT_BOUND:.0%} of the clear ones "
            f"asked); the largest error at a tap is {worst.relative:.1%} of its largest magnitude"
        )

    @property
    def worst(self) -> dict[str, float]:
        """How many taps there are, and the largest error at one."""
        errors = [difference.relative for difference in self.taps.values()]
        return {"values": len(errors), "bfloat16_error": max(errors, default=np.inf)}

    def __repr__(self) -> str:
        """One line."""
        return in_one_line(self)

    def to_dict(self) -> dict[str, Any]:
        """The figures, for JSON."""
        return {
            "schema": SCHEMA,
            "name": self.name,
            "passed": self.passed,
            "first_failure": self.first_failure,
            "clips": CLIPS,
            "top1_agreement": asdict(self.agreement),
            "centred_top1_agreement": asdict(self.centred),
            "summary": self.summary,
            "about": self.about.to_dict(),
            "taps": [
                {"name": name, "relative_error": d.relative, "max": d.maximum, "rms": d.rms}
                for name, d in self.taps.items()
            ],
        }


def verify_bfloat16(spec: PortSpec) -> LowPrecisionReport:
    """Run a TVN under bfloat16 autocast, beside the truth at every tap, then on many clips."""
    start = time.monotonic()
    assert isinstance(spec.port, TvnPort)
    taps = _errors(spec, spec.port)
    wanted, found = _logits(spec, spec.port)
    common = wanted.mean(0)
    return LowPrecisionReport(
        f"{spec.name} (bfloat16)",
        taps,
        _agreement(wanted, found),
        _agreement(wanted - common, found - common),
        replace(spec.about, seconds=round(time.monotonic() - start, 1)),
    )


def _agreement(wanted: np.ndarray, found: np.ndarray) -> Agreement:
    """Of logits `[clips, num_classes]`."""
    same = wanted.argmax(1) == found.argmax(1)
    top = np.sort(wanted, axis=1)
    margin = top[:, -1] - top[:, -2] if wanted.shape[1] > 1 else np.full(len(wanted), np.inf)
    # The error of a difference of two logits, whose own errors are taken for independent.
    typical = np.sqrt(2 * np.mean(np.square(found - wanted)))
    clear = margin > 2 * typical
    share = float(same[clear].mean()) if clear.any() else 0.0
    return Agreement(float(same.mean()), int(clear.sum()), share, len(np.unique(wanted.argmax(1))))


class _AutocastRunner(TorchRunner):
    """A float32 `TorchRunner` under bfloat16 autocast."""

    def run_stage(self, stage: Stage, given: Mapping[str, np.ndarray], see: See) -> None:
        """See `PortRunner`."""
        with _autocast():
            super().run_stage(stage, given, see)


def _autocast() -> torch.autocast:
    return torch.autocast("cpu", torch.bfloat16)


def _errors(spec: PortSpec, port: TvnPort) -> dict[str, Difference]:
    """Each tap's distance from the original in float64, both computing from the input."""
    errors: dict[str, Difference] = {}
    net = copy.deepcopy(port.net).eval()
    runner = _AutocastRunner(net, stage_calls(net, port.batch), "float32")
    with closing(spec.original("float64")) as original:
        ours = walk(spec.stages, spec.inputs, all_taps(runner))
        truth = walk(spec.stages, spec.inputs, original.run_stage)
        for found, wanted in zip(ours, truth, strict=True):
            for name in found.stage.taps:
                errors[name] = difference(found.taps[name], wanted.taps[name])
    return errors


@torch.inference_mode()
def _logits(spec: PortSpec, port: TvnPort) -> tuple[np.ndarray, np.ndarray]:
    """The port's logits `[CLIPS, num_classes]` in float32 and under autocast."""
    net = copy.deepcopy(port.net).eval().float()
    height, width = spec.inputs[VIDEO].shape[-3:-1]
    frames = net.genotype.clip.num_frames
    wanted, found = list[Tensor](), list[Tensor]()
    for seed in range(CLIPS):
        clip = _clip(frames, height, width, seed)
        wanted.append(net(clip))
        with _autocast():
            found.append(net(clip).float())
    return torch.cat(wanted).numpy(), torch.cat(found).numpy()


def _clip(frames: int, height: int, width: int, seed: int) -> Tensor:
    """One seeded clip `[1, 3, T, H, W]`, each with a brightness and contrast of its own."""
    draw = np.random.default_rng(seed)
    video = probe_video(1, frames, height, width, seed)
    video = draw.uniform(0, 0.5, 3) + draw.uniform(0.1, 0.5, 3) * video
    return torch.from_numpy(video.astype(np.float32)).movedim(-1, 1).contiguous()
