"""Mixup: clips blended in pairs, and their labels likewise (Zhang et al., arXiv 1710.09412)."""

import torch
from torch import Tensor
from torch.nn import functional as F


def mix(clips: Tensor, targets: Tensor, alpha: float) -> tuple[Tensor, Tensor]:
    """Blend each clip with another of the batch, all in one proportion.

    Args:
        clips: `[B, 3, T, H, W]`.
        targets: `[B, classes]`, each row adding up to one.
        alpha: of the beta distribution of the proportion; 0 leaves everything as it is.
    """
    if alpha == 0:
        return clips, targets
    # Drawn on the CPU, so that a run does not depend on the device in this.
    share = float(torch.distributions.Beta(alpha, alpha).sample())
    order = torch.randperm(len(clips)).to(clips.device)
    return torch.lerp(clips[order], clips, share), torch.lerp(targets[order], targets, share)


def one_hot(labels: Tensor, num_classes: int) -> Tensor:
    """Labels `[B]` as rows `[B, classes]` of zeros and a one."""
    return F.one_hot(labels, num_classes).float()
