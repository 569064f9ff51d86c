"""Clips to what the net takes: cut out, resized, augmented; on the whole batch's device.

Frames stay uint8 until here, so that little crosses to the device. Every clip has one draw: its
frames are cut, flipped and coloured alike. A draw depends on the clip's seed alone.
"""

from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from train.config import Augmentation
from train.data.clips import Batch

CROPS = ("centre", "left", "right")
LUMA = (0.299, 0.587, 0.114)  # ITU-R BT.601, the weights that grey has of red, green and blue
Box = tuple[int, int, int, int]  # top, left, height, width


def augment(
    batch: Batch, size: int, augmentation: Augmentation, device: torch.device | str
) -> Tensor:
    """Training clips.

    Args:
        batch: B clips of T frames.
        size: pixels a side of the result.
        augmentation: how much they are varied.
        device: where the work is done and the result is.

    Returns:
        `[B, 3, T, size, size]`, float32 in [0, 1].
    """
    draws = [np.random.default_rng(int(seed)) for seed in batch.seeds]
    shapes = [frames.shape[1:3] for frames in batch.frames]
    boxes = [
        _random_box(random, shape[0], shape[1], augmentation)
        for random, shape in zip(draws, shapes, strict=True)
    ]
    mirrored = [random.random() < augmentation.flip for random in draws]
    clips = _cut(batch, boxes, mirrored, size, device)
    strengths = (augmentation.brightness, augmentation.contrast, augmentation.saturation)
    # [B, 3]: the factors of the three, each within 1 ± strength
    factors = [[1 + s * (2 * random.random() - 1) for s in strengths] for random in draws]
    return _colour(clips, torch.tensor(factors, dtype=torch.float32).to(device))


def prepare(batch: Batch, size: int, crop: str, device: torch.device | str) -> Tensor:
    """Clips for evaluation: the largest square, at the `crop` place.

    Args:
        batch: B clips of T frames.
        size: pixels a side of the result.
        crop: one of `CROPS`; of a frame that is higher than wide, left is the top.
        device: where the work is done and the result is.

    Returns:
        `[B, 3, T, size, size]`, float32 in [0, 1].
    """
    boxes = [_square(frames.shape[1], frames.shape[2], crop) for frames in batch.frames]
    return _cut(batch, boxes, [False] * len(boxes), size, device)


def _random_box(
    random: np.random.Generator, height: int, width: int, augmentation: Augmentation
) -> Box:
    """A part of the frame; where the draw is too long for a narrow frame, all of its short side."""
    share = random.uniform(augmentation.min_scale, augmentation.max_scale)
    aspect = np.exp(random.uniform(-1, 1) * np.log(augmentation.max_aspect))
    area = share * height * width
    h = min(height, max(1, round(float(np.sqrt(area / aspect)))))
    w = min(width, max(1, round(float(np.sqrt(area * aspect)))))
    # Of an extreme frame the part would be a ribbon; hold it within the aspect.
    h, w = min(h, round(w * augmentation.max_aspect)), min(w, round(h * augmentation.max_aspect))
    h, w = max(h, 1), max(w, 1)
    top, left = random.random() * (height - h + 1), random.random() * (width - w + 1)
    return int(top), int(left), h, w


def _square(height: int, width: int, crop: str) -> Box:
    side = min(height, width)
    at = {"centre": 0.5, "left": 0.0, "right": 1.0}[crop]
    return round(at * (height - side)), round(at * (width - side)), side, side


def _cut(
    batch: Batch,
    boxes: Sequence[Box],
    mirrored: Sequence[bool],
    size: int,
    device: torch.device | str,
) -> Tensor:
    """Each clip's box, resized, `[B, 3, T, size, size]` in [0, 1]."""
    frames = batch.frames
    if isinstance(frames, Tensor):
        frames = frames.to(device, non_blocking=True)
    steps = len(batch.frames[0])
    clips = torch.empty(len(boxes), 3, steps, size, size, device=device)
    for clip, source, box, mirror in zip(clips, frames, boxes, mirrored, strict=True):
        top, left, height, width = box
        part = source[:, top : top + height, left : left + width].to(device, non_blocking=True)
        # [T, h, w, 3] to [T, 3, h, w], contiguous, which a CPU resizes five times as fast;
        # antialiased, or thin things would flicker.
        resized = F.interpolate(
            part.permute(0, 3, 1, 2).float().contiguous(),
            (size, size),
            mode="bilinear",
            align_corners=False,
            antialias=True,
        )
        clip.copy_((resized.flip(3) if mirror else resized).transpose(0, 1))
    return clips.div_(255)


def _colour(clips: Tensor, factors: Tensor) -> Tensor:
    """Change brightness, contrast and saturation of `[B, 3, T, H, W]` by factors `[B, 3]`.

    Each is linear: brightness scales values, contrast their distance from the clip's mean grey,
    saturation that from the pixel's grey. So all three are one matrix and one offset a clip.
    """
    brightness, contrast, saturation = factors[:, :, None, None].unbind(1)  # [B, 1, 1]
    luma = torch.tensor(LUMA, device=clips.device)
    grey, colour = luma.expand(3, 3), torch.eye(3, device=clips.device)
    matrix = brightness * contrast * (saturation * colour + (1 - saturation) * grey)  # [B, 3, 3]
    mean = brightness * (clips.mean((2, 3, 4)) @ luma)[:, None, None]
    values = clips.flatten(2)
    return torch.baddbmm((1 - contrast) * mean, matrix, values).view_as(clips).clamp_(0, 1)
