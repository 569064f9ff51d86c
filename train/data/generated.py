"""A generated data set in UCF50's form: textured figures that move, before scenes.

The class shows in how a figure looks and moves; the scene is the group's. With `scene_only` it is
the other way about: figures are alike, and each class and group has a scene of its own. Then a
random split can be passed by remembering scenes, and a split by group cannot be passed at all.
"""

import math
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np

from port.errors import InputError
from train.data.encoding import write_video

RATE = Fraction(30000, 1001)  # UCF's
# A key frame each 12 frames, as UCF's files have; a fixed quality of 6 (in FFmpeg's units of 118).
XVID = {"g": "12", "flags": "+qscale", "global_quality": str(6 * 118)}
Plane = np.ndarray  # [H, W], float32
Place = tuple[float, float, float, float]  # x and y of the centre, size, angle in radians


@dataclass(frozen=True)
class Look:
    """What a class looks like and how it moves.

    `shape` and `texture` take the figure's own coordinates u and v, within [-1, 1] inside it;
    `motion` takes the clip's phase, which rises by one a turn, and gives shifts and changes.
    """

    shape: Callable[[Plane, Plane], Plane]
    texture: Callable[[Plane, Plane], Plane]
    motion: Callable[[float], Place]


def _turn(phase: float) -> tuple[float, float]:
    return math.sin(2 * math.pi * phase), math.cos(2 * math.pi * phase)


def _stripes(u: Plane, v: Plane) -> Plane:
    return np.sin(9 * u) > 0


def _checks(u: Plane, v: Plane) -> Plane:
    return (np.sin(8 * u) > 0) ^ (np.sin(8 * v) > 0)


def _dots(u: Plane, v: Plane) -> Plane:
    return np.hypot((3 * u) % 1 - 0.5, (3 * v) % 1 - 0.5) < 0.3


def _rings(u: Plane, v: Plane) -> Plane:
    return np.sin(14 * np.hypot(u, v)) > 0


LOOKS = {
    "BounceDisc": Look(
        lambda u, v: np.hypot(u, v) < 1, _stripes, lambda p: (0, -abs(_turn(p)[0]), 1, 0)
    ),
    "CircleSquare": Look(
        lambda u, v: np.maximum(abs(u), abs(v)) < 0.9, _checks, lambda p: (*_turn(p), 1, 0)
    ),
    "GrowTarget": Look(
        lambda u, v: np.hypot(u, v) < 1, _rings, lambda p: (0, 0, 1 + 0.5 * _turn(p)[0], 0)
    ),
    "ShakeTriangle": Look(
        lambda u, v: (v < 0.8) & (v > 2 * abs(u) - 1), _dots, lambda p: (_turn(2 * p)[0], 0, 1, 0)
    ),
    "SpinCross": Look(
        lambda u, v: (np.minimum(abs(u), abs(v)) < 0.35) & (np.maximum(abs(u), abs(v)) < 1),
        _checks,
        lambda p: (0, 0, 1, 2 * math.pi * p),
    ),
    "SwingBar": Look(
        lambda u, v: (abs(v) < 0.35) & (abs(u) < 1.3), _stripes, lambda p: (0, 0, 1, _turn(p)[0])
    ),
}
PLAIN = Look(lambda u, v: np.hypot(u, v) < 1, lambda u, v: u > 0, lambda p: (*_turn(p), 1, 0))


def write_generated(
    root: Path,
    *,
    classes: int = len(LOOKS),
    groups: int = 6,
    clips: int = 4,
    frames: int = 40,
    width: int = 160,
    height: int = 120,
    seed: int = 0,
    scene_only: bool = False,
) -> None:
    """Write `root/Class/v_Class_gGG_cCC.avi`, MPEG-4 as Xvid makes it, as UCF50's are.

    Args:
        root: the folder; made where it is missing.
        classes: how many of `LOOKS`.
        groups: groups of each class.
        clips: clips of each group.
        frames: frames of each clip.
        width: in pixels.
        height: in pixels.
        seed: of all draws; the same gives the same pictures.
        scene_only: figures tell nothing, scenes all.

    Raises:
        InputError: too many classes, or the folder cannot be written.
    """
    if not 1 <= classes <= len(LOOKS):
        raise InputError(f"classes is {classes}; there are looks for 1 to {len(LOOKS)}")

    def write(label: int, group: int, clip: int) -> None:
        name = list(LOOKS)[label]
        path = root / name / f"v_{name}_g{group + 1:02d}_c{clip + 1:02d}.avi"
        scene = (seed, group, label + 1 if scene_only else 0)
        figure = np.random.default_rng((seed, group, label, clip))
        look = PLAIN if scene_only else LOOKS[name]
        pictures = _pictures(look, _scene(scene, width, height), figure, frames)
        write_video(path, pictures, RATE, "mpeg4", tag="XVID", options=XVID)

    every = [(c, g, k) for c in range(classes) for g in range(groups) for k in range(clips)]
    try:
        for name in list(LOOKS)[:classes]:
            (root / name).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{root}: cannot be written ({error.strerror})") from None
    with ThreadPoolExecutor() as pool:
        for _ in pool.map(write, *zip(*every, strict=True)):
            pass


def _scene(seed: tuple[int, ...], width: int, height: int) -> np.ndarray:
    """A background `[H, W, 3]` in [0, 1]: two colours that flow into each other in waves."""
    random = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width].astype(np.float32) / height
    waves = sum(
        np.sin(random.uniform(-6, 6) * x + random.uniform(-6, 6) * y + random.uniform(0, 6))
        for _ in range(4)
    )
    share = (0.5 + 0.25 * waves).clip(0, 1)[..., None]
    first, second = random.uniform(0, 1, (2, 3))
    return (share * first + (1 - share) * second).astype(np.float32)


def _pictures(
    look: Look, scene: np.ndarray, random: np.random.Generator, frames: int
) -> Iterator[np.ndarray]:
    """The frames of a clip, uint8 `[H, W, 3]`; what its class leaves open is drawn."""
    height, width = scene.shape[:2]
    size = height * random.uniform(0.2, 0.28)
    centre_x, centre_y = width * random.uniform(0.4, 0.6), height * random.uniform(0.45, 0.55)
    reach, phase, turns = height * random.uniform(0.14, 0.2), random.random(), random.uniform(1, 2)
    dark, bright = random.integers(0, 90, 3, np.uint8), random.integers(165, 256, 3, np.uint8)
    background = (scene * 255).round().astype(np.uint8)
    y, x = np.mgrid[:height, :width].astype(np.float32)
    for frame in range(frames):
        dx, dy, growth, angle = look.motion(phase + turns * frame / frames)
        u = (x - centre_x - reach * dx) / (size * growth)
        v = (y - centre_y - reach * dy) / (size * growth)
        sine, cosine = math.sin(angle), math.cos(angle)
        u, v = cosine * u + sine * v, cosine * v - sine * u
        inside, light = look.shape(u, v)[..., None], look.texture(u, v)[..., None]
        yield np.where(inside, np.where(light, bright, dark), background)
