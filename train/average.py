"""The moving average of the weights, which is often better than the weights themselves."""

import torch
from torch import Tensor
from torch.optim.swa_utils import AveragedModel

from port.model import TinyVideoNet


def make_average(net: TinyVideoNet, decay: float) -> AveragedModel:
    """An average of parameters and batch-norm statistics that starts at `net`'s own.

    As TensorFlow's with `num_updates`: the decay is at most `(1 + n) / (10 + n)` in step n, so that
    short runs forget where they started.
    """

    def update(averaged: list[Tensor], current: list[Tensor], count: Tensor | int) -> None:
        present = min(decay, (1 + int(count)) / (10 + int(count)))
        torch._foreach_lerp_(averaged, current, 1 - present)

    average = AveragedModel(net, multi_avg_fn=update, use_buffers=True)  # type: ignore[arg-type]
    average.update_parameters(net)  # the first one copies
    return average
