"""EfficientNet-B0 of Hugging Face transformers beside the one of keras.applications.

tvn verify --spec=examples/efficientnet_b0.py --level=training    # patched: the same function
tvn verify --spec=examples/efficientnet_b0_as_it_is.py            # as it is: not
"""

from functools import partial

import keras
import torch
from keras_small import PadSame, remember_like_keras
from torch import Tensor, nn
from transformers import EfficientNetConfig, EfficientNetForImageClassification

from verify import KerasModel, PortSpec, port_spec, probe_input

STATISTICS = {"normalization/mean": "mean", "normalization/variance": "variance"}


def build(size: int = 224) -> keras.Model:
    """The original, to its logits, for images of `size` by `size`."""
    return keras.applications.EfficientNetB0(
        weights=None, classifier_activation=None, input_shape=(size, size, 3)
    )


def as_it_is() -> nn.Module:
    """The port in the configuration of B0."""
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


class DropExamples(nn.Module):
    """Dropout of all that an example of a batch has here, or of nothing."""

    def __init__(self, rate: float) -> None:
        super().__init__()
        self.rate = rate

    def forward(self, x: Tensor) -> Tensor:
        """As many examples as in `x` [B, C, H, W] are kept, each with the odds of the rate."""
        return x * nn.functional.dropout(x.new_ones(len(x), 1, 1, 1), self.rate, self.training)


class Patched(nn.Module):
    """The port with what it lacks.

    Its images are scaled and normalised, padding is right for odd sizes too, and in training batch
    norms remember what Keras' do, and residual paths drop whole examples.
    """

    def __init__(self) -> None:
        super().__init__()
        self.mean = nn.Buffer(torch.zeros(3))
        self.variance = nn.Buffer(torch.ones(3))
        self.net = as_it_is()
        remember_like_keras(self.net)
        self.net.efficientnet.embeddings.padding = PadSame(3, 2)
        for block in self.net.efficientnet.encoder.blocks:
            layer = block.depthwise_conv
            layer.depthwise_conv_pad = PadSame(layer.depthwise_conv.kernel_size[0], layer.stride)
            block.projection.dropout = DropExamples(block.projection.dropout.p)

    def forward(self, x: Tensor) -> Tensor:
        """Images [B, 3, H, W] in [0, 255] to logits [B, 1000]."""
        deviation = self.variance.sqrt().clamp(min=keras.config.epsilon())
        x = (x / 255 - self.mean[:, None, None]) / deviation[:, None, None]
        return self.net(x).logits


def spec(port: nn.Module | None = None, size: int = 224) -> PortSpec:
    """The patched port, or another, on two seeded images."""
    original = KerasModel(partial(build, size), seed=0)
    images = probe_input((2, size, size, 3), scale=255)
    return port_spec("efficientnet_b0", original, port or Patched(), images, weights=STATISTICS)
