"""ResNet-50 of Hugging Face transformers beside the one of keras.applications.

tvn verify --spec=examples/resnet50.py             # patched: the same function
tvn verify --spec=examples/resnet50_as_it_is.py    # as either library has it: another
"""

import keras
import torch
from torch import nn
from transformers import ResNetConfig, ResNetForImageClassification

from verify.own import KerasModel, port_spec, probe_input
from verify.spec import PortSpec

KERAS_EPSILON = 1.001e-5


def build() -> keras.Model:
    """The original, to its logits; it is fed images that are preprocessed already."""
    return keras.applications.ResNet50(weights=None, classifier_activation=None)


def as_it_is() -> nn.Module:
    """The port as its default configuration makes it, which is ResNet-50."""
    return ResNetForImageClassification(ResNetConfig(num_labels=1000))


def patched() -> nn.Module:
    """The port with what it lacks.

    The stride is in a bottleneck's first 1x1 convolution (in the port: in its 3x3), convolutions
    have biases (none), and batch norms have an epsilon of 1.001e-5 (1e-5).
    """
    port = ResNetForImageClassification(
        ResNetConfig(num_labels=1000, downsample_in_bottleneck=True)
    )
    for module in port.modules():
        if isinstance(module, nn.Conv2d):
            module.bias = nn.Parameter(torch.zeros(module.out_channels))
        if isinstance(module, nn.BatchNorm2d):
            module.eps = KERAS_EPSILON
    return port


def spec() -> PortSpec:
    """The patched port, on two seeded images."""
    images = probe_input((2, 224, 224, 3))
    return port_spec("resnet50", KerasModel(build, seed=0), patched(), images)
