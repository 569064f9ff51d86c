"""Skips: strided elsewhere, without their projection, or where there is none."""

import zlib
from collections.abc import Callable
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from port.block import Add, Block, Residual, Sample
from port.layers import Conv2d
from port.model import TinyVideoNet
from verify.diagnosis.fault import Fault, Site, behaves, is_a
from verify.tvn.faults.blocks import block_of

Right = Callable[..., Tensor]


def _residual(site: Site) -> Residual | None:
    block = block_of(site)
    return None if block is None else block.residual


def _is_projection(site: Site) -> bool:
    residual = _residual(site)
    return residual is not None and residual.conv is site.module


def _is_strided(site: Site) -> bool:
    residual = _residual(site)
    return residual is not None and residual.conv is site.module and residual.sample.stride > 1


def _is_square(site: Site) -> bool:
    weight = site.module.weight if isinstance(site.module, Conv2d) else None
    return _is_projection(site) and weight is not None and weight.shape[0] == weight.shape[1]


def _strided_late(module: Sample, right: Right, x: Tensor) -> Tensor:
    """Reads the second pixel of each stride where there is one; the sizes stay the same."""
    if x.shape[-1] == 1:
        return right(x)
    return right(F.pad(x, (0, 1, 0, 1), mode="replicate")[:, :, 1:, 1:])


def _averaged(module: Sample, right: Right, x: Tensor) -> Tensor:
    if x.shape[-1] == 1:
        return right(x)
    stride = module.stride
    return F.avg_pool2d(x, stride, stride, ceil_mode=True, count_include_pad=False)


def _same(module: nn.Module, right: Right, x: Tensor) -> Tensor:
    return x


def _missing(module: Add, right: Right, skip: Tensor, y: Tensor) -> Tensor:
    return y


def _subtracted(module: Add, right: Right, skip: Tensor, y: Tensor) -> Tensor:
    return y - skip


def _multiplied(module: Add, right: Right, skip: Tensor, y: Tensor) -> Tensor:
    return y * skip


def _drops_skip(site: Site) -> bool:
    """The end of a block whose skip is gone because its frames changed."""
    block = block_of(site)
    if block is None or site.tap != block.name or block.in_frames == block.out_frames:
        return False
    assert isinstance(site.net, TinyVideoNet)
    return bool(site.net.genotype.blocks[int(block.name.split("-")[1])].skip)


def _with_skip(module: Block, right: Right, x: Tensor) -> Tensor:
    """Adds the skip all the same, at the frames and pixels that are left; the weights are new."""
    y = cast(Tensor, module.path(x))
    stride = -(-module.in_frames // module.out_frames)
    frames = x.unflatten(0, (-1, module.in_frames))[:, ::stride][:, : module.out_frames]
    pixels = F.interpolate(frames.flatten(0, 1), y.shape[-2:])
    draw = torch.Generator().manual_seed(zlib.crc32(module.name.encode()))
    weight = torch.randn(y.shape[1], x.shape[1], 1, 1, generator=draw).to(x.dtype)
    return cast(Tensor, module.act(y + F.conv2d(pixels, weight)))


def _its_block(site: Site) -> nn.Module:
    block = block_of(site)
    assert block is not None
    return block


def _its_sample(site: Site) -> nn.Module:
    residual = _residual(site)
    assert residual is not None
    return residual.sample


FAULTS = (
    Fault("skip strided from the second pixel", _is_strided, behaves(_strided_late, _its_sample)),
    Fault("skip averaged instead of strided", _is_strided, behaves(_averaged, _its_sample)),
    Fault("skip not strided", _is_strided, behaves(_same, _its_sample)),
    Fault("skip without its projection", _is_square, behaves(_same)),
    Fault("skip missing", is_a(Add), behaves(_missing)),
    Fault("skip subtracted", is_a(Add), behaves(_subtracted)),
    Fault("skip multiplied", is_a(Add), behaves(_multiplied)),
    Fault("skip where frames changed", _drops_skip, behaves(_with_skip, _its_block)),
)
