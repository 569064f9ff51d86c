"""Sets of clips that tell functions apart, each set one shape: what `verify` tries besides noise.

One draw of noise at one size misses much: a reversed SAME padding cannot be seen at some sizes, a
reversed kernel not in a constant, a cap not below it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from port.convert.names import table
from port.errors import InputError
from port.genotype import Genotype
from port.model import TinyVideoNet
from verify.numerics.probes import probe_video
from verify.specs.spec import PortSpec
from verify.tvn.spec import layers_spec
from verify.tvn.subject import Subject

# A clip of the probed shape, `[T, H, W, 3]`, from a noise clip of that shape.
Probe = Callable[[np.ndarray], np.ndarray]
SMALLEST_NORMAL = float(np.finfo(np.float32).tiny)


def _impulses(noise: np.ndarray) -> np.ndarray:
    """Zero but for single pixels: in the first and last corners of space and time, and inside."""
    clip = np.zeros_like(noise)
    frames, height, width, _ = noise.shape
    clip[0, 0, 0], clip[-1, -1, -1] = (1, 0.5, 0.25), (0.25, 1, 0.5)
    clip[frames // 2, height // 3, width // 2] = (0.5, 0.25, 1)
    return clip


def _half_empty(noise: np.ndarray) -> np.ndarray:
    """Frames of zeros behind the first."""
    clip = noise.copy()
    clip[1:] = 0
    return clip


PLAIN: Mapping[str, Probe] = {
    "noise": lambda noise: noise,
    "reversed in time": lambda noise: noise[::-1],
    "colours reversed": lambda noise: noise[..., ::-1],
    "impulses": _impulses,
    "constant": lambda noise: np.full_like(noise, 0.5),
    "empty frames": _half_empty,
}
EXTREME: Mapping[str, Probe] = {
    "saturating": lambda noise: 200 * noise - 100,
    "zeros": np.zeros_like,
    "denormal": lambda noise: noise * (SMALLEST_NORMAL / 8),
}


@dataclass(frozen=True, slots=True)
class ProbeSet:
    """Clips of one shape that are run as one batch. Size in pixels, of frames that are not square.

    `frames` replaces the genotype's where it is not None.
    """

    name: str
    probes: Mapping[str, Probe]
    height: int
    width: int
    frames: int | None = None
    seed: int = 0


ODD_SIZE = ProbeSet("odd size", PLAIN, 45, 57)
EVEN_SIZE = ProbeSet("even size, extremes", EXTREME, 40, 52)
ONE_FRAME = ProbeSet("one frame", {"noise": PLAIN["noise"], "impulses": _impulses}, 33, 48, 1)
ONE_CLIP = ProbeSet("one clip", {"noise": PLAIN["noise"]}, 50, 39)
TINY = ProbeSet("a few pixels", PLAIN, 3, 5)
# Larger than what the published streams are resized to: only here do they shrink.
LARGE = ProbeSet("larger than streams", {"noise": PLAIN["noise"]}, 250, 235)
DEFAULT_SETS = (ODD_SIZE, EVEN_SIZE)
ALL_SETS = (
    *DEFAULT_SETS,
    ONE_FRAME,
    ONE_CLIP,
    TINY,
    LARGE,
    *(ProbeSet(f"seed {seed}", PLAIN, 41, 64, seed=seed) for seed in (1, 2)),
)


def probe_spec(
    probes: ProbeSet, subject: Subject, remarks: Mapping[str, Any] | None = None
) -> PortSpec:
    """The comparison of a subject's port with its original on one set of probes.

    Raises:
        InputError: with other frames than its own, the net has other weights.
    """
    subject = replace(subject, name=f"{subject.name}: {probes.name}", seed=probes.seed,
                      variables=subject.weights, net=subject.port, remarks={})  # fmt: skip
    genotype = subject.genotype
    if probes.frames is not None and probes.frames != genotype.clip.num_frames:
        genotype = genotype.with_frames(probes.frames)
        variables, net = _for_frames(genotype, subject.weights, subject.port)
        subject = replace(subject, genotype=genotype, variables=variables, net=net)
    frames = genotype.clip.num_frames
    noise = probe_video(len(probes.probes), frames, probes.height, probes.width, probes.seed)
    clips = [make(clip) for make, clip in zip(probes.probes.values(), noise, strict=True)]
    told = {"probes": list(probes.probes), **(remarks or {})}
    return layers_spec(subject, np.stack(clips).astype(np.float32), told)


def _for_frames(
    genotype: Genotype, variables: Mapping[str, np.ndarray], net: TinyVideoNet
) -> tuple[dict[str, np.ndarray], TinyVideoNet]:
    """The weights that are left of a net when it sees other frames, on both sides.

    A temporal layer without time to look at is not there; what has another shape without it
    cannot be made up.
    """
    rows, state_dict = table(genotype, net.num_classes), net.state_dict()
    fits = all(
        row.tf_name in variables and variables[row.tf_name].shape == row.tf_shape for row in rows
    )
    if not fits:
        raise InputError(f"for clips of {genotype.clip.num_frames} frames it has other weights")
    other = TinyVideoNet(
        genotype, net.num_classes, max_pool_predictions=net.max_pool_predictions
    ).eval()
    own = {row.tf_name: row.torch_key for row in table(net.genotype, net.num_classes)}
    other.load_state_dict({row.torch_key: state_dict[own[row.tf_name]] for row in rows})
    return {row.tf_name: variables[row.tf_name] for row in rows}, other
