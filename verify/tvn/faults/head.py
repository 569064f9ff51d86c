"""The two heads: what they average, weigh and add, and what should not be behind them."""

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from port.head import ClipMean, FrameMean, TimeSoftmax, WeightedSum
from verify.diagnosis.fault import Fault, behaves, is_a, with_values

Right = Callable[..., Tensor]


def _sum(module: nn.Module, right: Right, x: Tensor) -> Tensor:
    return right(x) * math.prod(x.shape[2 if isinstance(module, ClipMean) else 3 :])


def _maximum(module: nn.Module, right: Right, x: Tensor) -> Tensor:
    frames = x.amax((3, 4))
    return frames.amax(2) if isinstance(module, ClipMean) else frames.transpose(1, 2)


def _one_frame(place: int) -> Callable[[ClipMean, Right, Tensor], Tensor]:
    def wrong(module: ClipMean, right: Right, x: Tensor) -> Tensor:
        return x[:, :, place].mean((2, 3))

    return wrong


def _mean_of_maxima(module: ClipMean, right: Right, x: Tensor) -> Tensor:
    return x.amax((3, 4)).mean(2)


def _over_classes(module: TimeSoftmax, right: Right, z: Tensor) -> Tensor:
    return torch.softmax(z / math.sqrt(z.shape[1]), dim=2)


def _over_clips(module: TimeSoftmax, right: Right, z: Tensor) -> Tensor:
    return torch.softmax(z / math.sqrt(z.shape[1]), dim=0)


def _not_scaled(module: TimeSoftmax, right: Right, z: Tensor) -> Tensor:
    return torch.softmax(z, dim=1)


def _mean_for_sum(module: WeightedSum, right: Right, values: Tensor, weights: Tensor) -> Tensor:
    return (values * weights).mean(1)


def _weights_left_out(module: WeightedSum, right: Right, values: Tensor, weights: Tensor) -> Tensor:
    return values.mean(1)


def _largest(module: WeightedSum, right: Right, values: Tensor, weights: Tensor) -> Tensor:
    return values.amax(1)


def _probabilities(module: nn.Linear, right: Right, x: Tensor) -> Tensor:
    return torch.softmax(right(x), dim=-1)


def _dropped(module: nn.Linear, right: Right, x: Tensor) -> Tensor:
    return right(F.dropout(x, 0.5, training=True))


def _kept_unscaled(module: nn.Linear, right: Right, x: Tensor) -> Tensor:
    """Dropout that is not inverted scales at inference."""
    return right(x * 0.5)


MEAN, DENSE = is_a(ClipMean, FrameMean), is_a(nn.Linear)
CLIP_MEAN, SOFTMAX, WEIGHTED = is_a(ClipMean), is_a(TimeSoftmax), is_a(WeightedSum)
FAULTS = (
    Fault("sum for mean in the head", MEAN, behaves(_sum)),
    Fault("maximum for mean in the head", MEAN, behaves(_maximum)),
    Fault("head of the first frame", CLIP_MEAN, behaves(_one_frame(0))),
    Fault("head of the last frame", CLIP_MEAN, behaves(_one_frame(-1))),
    Fault("maximum over pixels, mean over frames", CLIP_MEAN, behaves(_mean_of_maxima)),
    Fault("softmax over classes instead of time", SOFTMAX, behaves(_over_classes)),
    Fault("softmax over clips instead of time", SOFTMAX, behaves(_over_clips)),
    Fault("softmax without its scale", SOFTMAX, behaves(_not_scaled)),
    Fault("mean for sum of weighted logits", WEIGHTED, behaves(_mean_for_sum)),
    Fault("mean of frames' logits", WEIGHTED, behaves(_weights_left_out)),
    Fault("largest of frames' logits", WEIGHTED, behaves(_largest)),
    Fault("probabilities for logits", DENSE, behaves(_probabilities)),
    Fault("dropout at inference", DENSE, behaves(_dropped)),
    Fault("dropout's scale at inference", DENSE, behaves(_kept_unscaled)),
    Fault(
        "classifier's bias missing",
        DENSE,
        with_values(bias=lambda module: torch.zeros_like(module.bias)),
    ),
)
