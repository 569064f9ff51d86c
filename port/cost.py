"""What a net costs: parameters and multiply-adds, counted from the model.

By arithmetic on the layers' strides: to run the net on shapes alone makes PyTorch import for a
second what nothing else here needs.
"""

from dataclasses import dataclass
from math import prod
from typing import Any, cast

import torch
from torch import nn

from port.block import Block
from port.genotype import Genotype
from port.layers import Conv2d, DepthwiseConv2d, TemporalConv, TemporalPool
from port.model import TinyVideoNet
from port.path import ConvNorm, Gate
from port.tf_semantics import same_output_size

Shape = tuple[int, int, int]  # frames, height, width


@dataclass(frozen=True, slots=True)
class Cost:
    """`parameters`: trainable values. `multiply_adds`: of convolutions and classifier, one clip."""

    parameters: int
    multiply_adds: int


def count(genotype: Genotype, num_classes: int) -> Cost:
    """Count without computing, for one clip of the net's own size."""
    with torch.device("meta"):
        net = TinyVideoNet(genotype, num_classes)
    total = 0
    shapes = _stream_shapes(genotype)
    for block, repeats in zip(genotype.blocks, net.blocks, strict=True):
        shape = shapes[block.inputs[0] if block.inputs else -1]
        for repeat in repeats.children():
            cost, shape = _block(cast(Block, repeat), shape)
            total += cost
        shapes.append(shape)
    total += cast(nn.Linear, net.get_classifier()).weight.numel() * (
        shapes[-1][0] // net.out_frames
    )
    return Cost(sum(parameter.numel() for parameter in net.parameters()), total)


def _stream_shapes(genotype: Genotype) -> list[Shape]:
    streams = genotype.input_streams or (genotype.clip,)
    return [(stream.num_frames, stream.image_size, stream.image_size) for stream in streams]


def _block(block: Block, shape: Shape) -> tuple[int, Shape]:
    """Multiply-adds of a block that reads `shape`, and the shape that it gives."""
    total = 0
    if block.residual is not None:
        stride = block.residual.sample.stride if shape[2] > 1 else 1  # as `Sample` does
        read = (shape[0], same_output_size(shape[1], stride), same_output_size(shape[2], stride))
        total += block.residual.conv.weight.numel() * prod(read)
    for layer in block.path:
        if isinstance(layer, Gate):
            clips = shape[0] // layer.mean.frames
            convs = (conv for conv in layer.layers if isinstance(conv, Conv2d))
            total += clips * sum(conv.weight.numel() for conv in convs)
            continue
        if isinstance(layer, ConvNorm):
            conv = cast(Conv2d | DepthwiseConv2d, layer.conv)
            shape = _strided(conv, shape)
            total += conv.weight.numel() * prod(shape)
        else:
            shape = _strided(layer, shape)
    return total, shape


def _strided(layer: Any, shape: Shape) -> Shape:
    frames, height, width = shape
    over, across = layer.stride
    if isinstance(layer, TemporalConv | TemporalPool):
        clips = frames // layer.frames
        return clips * same_output_size(layer.frames, over), height, width
    return frames, same_output_size(height, over), same_output_size(width, across)
