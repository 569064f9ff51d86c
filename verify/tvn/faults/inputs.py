"""What the net is fed: colours, values, sizes and axes that the original does not expect."""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

from port.layers import InputStream
from verify.diagnosis.fault import Applies, Fault, Site, behaves, is_a

Right = Callable[[Tensor], Tensor]
IMAGENET_MEAN, IMAGENET_DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def _per_colour(values: tuple[float, ...], like: Tensor) -> Tensor:
    return torch.tensor(values, dtype=like.dtype)[:, None, None, None]


def _standardised(clip: Tensor) -> Tensor:
    centred = clip - _per_colour(IMAGENET_MEAN, clip)
    return centred / _per_colour(IMAGENET_DEVIATION, clip)


def _time_as_channels(clip: Tensor) -> Tensor:
    """`[B, T, 3, H, W]` in memory, taken for `[B, 3, T, H, W]`."""
    return clip.transpose(1, 2).reshape(clip.shape)


def _colours_last(clip: Tensor) -> Tensor:
    """`[B, T, H, W, 3]` in memory, taken for `[B, 3, T, H, W]`."""
    return clip.permute(0, 2, 3, 4, 1).reshape(clip.shape)


def _frames_and_clips(clip: Tensor) -> Tensor:
    """`[T, B, …]` in memory, taken for `[B, T, …]`."""
    return clip.transpose(0, 2).reshape(clip.transpose(1, 2).shape).transpose(1, 2)


def _fed(change: Callable[[Tensor], Tensor]) -> Callable[[InputStream, Right, Tensor], Tensor]:
    return lambda module, right, clip: right(change(clip))


def _resized(**how: object) -> Callable[[InputStream, Right, Tensor], Tensor]:
    def wrong(module: InputStream, right: Right, clip: Tensor) -> Tensor:
        frames = clip[:, :, : module.num_frames].transpose(1, 2).flatten(0, 1)
        if module.size is None or frames.shape[-2] == module.size:
            return frames
        return F.interpolate(frames, (module.size, module.size), **how)  # type: ignore[arg-type]

    return wrong


def _last_frames(module: InputStream, right: Right, clip: Tensor) -> Tensor:
    return right(clip[:, :, -module.num_frames :])


STREAM = is_a(InputStream)


def _resizes(site: Site) -> bool:
    return isinstance(site.module, InputStream) and site.module.size is not None


def _has_sides(site: Site) -> bool:
    """Resized to one pixel a frame has none: that is the mean of its middle, either way round."""
    return isinstance(site.module, InputStream) and site.module.size != 1


def _fault(name: str, change: Callable[[Tensor], Tensor], applies: Applies = STREAM) -> Fault:
    return Fault(name, applies, behaves(_fed(change)))


FAULTS = (
    _fault("BGR for RGB", lambda clip: clip.flip(1)),
    _fault("values from 0 to 255", lambda clip: clip * 255),
    _fault("values from -1 to 1", lambda clip: clip * 2 - 1),
    _fault("mean subtracted", lambda clip: clip - _per_colour(IMAGENET_MEAN, clip)),
    _fault("mean and deviation of ImageNet", _standardised),
    _fault("values rounded to bytes", lambda clip: (clip * 255).round() / 255),
    _fault("channels and time swapped", _time_as_channels),
    _fault("colours last in memory", _colours_last),
    _fault("frames and clips swapped", _frames_and_clips),
    _fault("height and width swapped", lambda clip: clip.transpose(3, 4).reshape(clip.shape)),
    _fault("frames reversed", lambda clip: clip.flip(2)),
    _fault("frames mirrored", lambda clip: clip.flip(4), _has_sides),
    _fault("frames upside down", lambda clip: clip.flip(3), _has_sides),
    Fault("last frames for first", STREAM, behaves(_last_frames)),
    Fault("resized to the nearest pixel", _resizes, behaves(_resized(mode="nearest"))),
    Fault(
        "resized with aligned corners",
        _resizes,
        behaves(_resized(mode="bilinear", align_corners=True)),
    ),
    Fault(
        "resized with antialiasing", _resizes, behaves(_resized(mode="bilinear", antialias=True))
    ),
    Fault("resized bicubic", _resizes, behaves(_resized(mode="bicubic"))),
    Fault("resized by area", _resizes, behaves(_resized(mode="area"))),
)
