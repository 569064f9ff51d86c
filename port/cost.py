"""What a net costs: parameters and multiply-adds, counted from the model."""

from dataclasses import dataclass

import torch
from torch.utils.flop_counter import FlopCounterMode

from port.genotype import Genotype
from port.model import COLOURS, TinyVideoNet


@dataclass(frozen=True, slots=True)
class Cost:
    """`parameters`: trainable values. `multiply_adds`: of convolutions and classifier, one clip."""

    parameters: int
    multiply_adds: int


def count(genotype: Genotype, num_classes: int) -> Cost:
    """Count without computing: the net runs on shapes alone, for one clip of its own size."""
    clip = genotype.clip
    with torch.device("meta"):
        net = TinyVideoNet(genotype, num_classes).eval()
        video = torch.empty(1, COLOURS, clip.num_frames, clip.image_size, clip.image_size)
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        net(video)
    # The counter takes a multiply-add for two operations.
    return Cost(sum(p.numel() for p in net.parameters()), counter.get_total_flops() // 2)
