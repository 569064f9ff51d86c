"""Batch norm as TensorFlow's fused one: biased variance to normalise, unbiased to remember."""

from typing import Any

from torch import nn

from port.tf_semantics import BATCH_NORM_EPSILON, BATCH_NORM_MOMENTUM


class BatchNorm(nn.BatchNorm2d):
    """`nn.BatchNorm2d` with the original's constants and without a counter of batches.

    TensorFlow keeps no such counter, so a state dict that had one could not be carried over and
    back exactly.
    """

    def __init__(self, width: int) -> None:
        super().__init__(width, eps=BATCH_NORM_EPSILON, momentum=BATCH_NORM_MOMENTUM)
        self.num_batches_tracked = None

    def reset_running_stats(self) -> None:
        """Mean 0, variance 1."""
        assert self.running_mean is not None and self.running_var is not None
        self.running_mean.zero_()
        self.running_var.fill_(1)

    def _load_from_state_dict(self, *args: Any) -> None:
        # nn.BatchNorm2d would add the missing counter to every state dict that it loads.
        nn.Module._load_from_state_dict(self, *args)
