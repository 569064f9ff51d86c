"""EfficientNet-B0 of Hugging Face transformers beside the one of keras.applications.

tvn verify --spec=examples/efficientnet_b0.py
"""

import keras
import torch
from torch import Tensor, nn
from transformers import EfficientNetConfig, EfficientNetForImageClassification

from verify.own import KerasModel, port_spec, probe_input
from verify.spec import PortSpec


def build() -> keras.Model:
    """The original, to its logits."""
    return keras.applications.EfficientNetB0(weights=None, classifier_activation=None)


def as_it_is() -> nn.Module:
    """The port in the configuration of B0, which its checkpoint google/efficientnet-b0 has."""
    return EfficientNetForImageClassification(
        EfficientNetConfig(
            image_size=224,
            width_coefficient=1.0,
            depth_coefficient=1.0,
            hidden_dim=1280,
            dropout_rate=0.2,
            num_labels=1000,
        )
    )


class Patched(nn.Module):
    """The port behind what the original does to its images: to [0, 1], less mean, by deviation."""

    def __init__(self) -> None:
        super().__init__()
        self.mean = nn.Buffer(torch.zeros(3))
        self.variance = nn.Buffer(torch.ones(3))
        self.net = as_it_is()

    def forward(self, x: Tensor) -> Tensor:
        """Images [B, 3, H, W] in [0, 255] to logits [B, 1000]."""
        deviation = self.variance.sqrt().clamp(min=keras.config.epsilon())
        x = (x / 255 - self.mean[:, None, None]) / deviation[:, None, None]
        return self.net(x).logits


def spec() -> PortSpec:
    """The patched port, on two seeded images."""
    images = probe_input((2, 224, 224, 3), scale=255)
    statistics = {"normalization/mean": "mean", "normalization/variance": "variance"}
    original = KerasModel(build, seed=0)
    return port_spec("efficientnet_b0", original, Patched(), images, weights=statistics)
