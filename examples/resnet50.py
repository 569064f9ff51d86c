"""ResNet-50 of Hugging Face transformers beside the one of keras.applications.

tvn verify --spec=examples/resnet50.py             # patched: the same function
tvn verify --spec=examples/resnet50_as_it_is.py    # as it is: another
"""

from collections.abc import Collection
from functools import partial

import keras
import torch
from keras_small import remember_like_keras
from torch import nn
from transformers import ResNetConfig, ResNetForImageClassification

from verify import KerasModel, PortSpec, port_spec, probe_input

PATCHES = ("stride", "biases", "epsilon", "statistics")


def build(size: int = 224) -> keras.Model:
    """The original, to its logits; it is fed images that are preprocessed already."""
    return keras.applications.ResNet50(
        weights=None, classifier_activation=None, input_shape=(size, size, 3)
    )


def port(patches: Collection[str] = PATCHES) -> nn.Module:
    """The port, whose default configuration is ResNet-50, with some of what it lacks.

    The original's bottlenecks have their stride in the first 1x1 convolution (the port: in the
    3x3), its convolutions have biases (none), its batch norms an epsilon of 1.001e-5 (1e-5), and
    of the statistics of a batch they remember a hundredth (a tenth), of the biased variance.
    """
    config = ResNetConfig(num_labels=1000, downsample_in_bottleneck="stride" in patches)
    net = ResNetForImageClassification(config)
    for module in net.modules():
        if isinstance(module, nn.Conv2d) and "biases" in patches:
            module.bias = nn.Parameter(torch.zeros(module.out_channels))
        if isinstance(module, nn.BatchNorm2d) and "epsilon" in patches:
            module.eps = 1.001e-5
    if "statistics" in patches:
        remember_like_keras(net)
    return net


def spec(patches: Collection[str] = PATCHES, size: int = 224) -> PortSpec:
    """The patched port, on two seeded images."""
    without = [] if "biases" in patches else ["*_conv/bias"]
    original = KerasModel(partial(build, size), seed=0)
    images = probe_input((2, size, size, 3))
    return port_spec("resnet50", original, port(patches), images, without=without)
