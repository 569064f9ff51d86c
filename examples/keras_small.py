"""A small Keras net and its port: what docs/your_own_port.md arrives at.

tvn verify --spec=examples/keras_small.py --level=training
"""

import keras
import torch
from keras import layers
from torch import Tensor, nn
from torch.nn import functional as F

from verify import KerasModel, PortSpec, port_spec, probe_input


def build() -> keras.Model:
    """The original: a stem, a depthwise convolution with a gate, a dense layer."""
    x = image = layers.Input((15, 20, 3))
    x = layers.Conv2D(16, 3, strides=2, padding="same", use_bias=False, name="stem")(x)
    x = layers.BatchNormalization(name="stem_bn")(x)
    x = layers.Activation("relu6", name="stem_act")(x)
    x = layers.DepthwiseConv2D(5, strides=2, padding="same", use_bias=False, name="dw")(x)
    x = layers.BatchNormalization(name="dw_bn")(x)
    x = layers.Activation("relu6", name="dw_act")(x)
    gate = layers.GlobalAveragePooling2D(keepdims=True, name="gate_mean")(x)
    gate = layers.Conv2D(16, 1, activation="hard_sigmoid", name="gate")(gate)
    x = layers.Multiply(name="gated")([x, gate])
    x = layers.Flatten(name="flatten")(x)
    return keras.Model(image, layers.Dense(10, name="classes")(x), name="small")


class PadSame(nn.Module):
    """TensorFlow's SAME: what is odd of the padding goes to the bottom and the right."""

    def __init__(self, kernel: int, stride: int) -> None:
        super().__init__()
        self.kernel, self.stride = kernel, stride

    def forward(self, x: Tensor) -> Tensor:
        """[B, C, H, W], padded with zeros."""
        width, height = (
            max((-(-size // self.stride) - 1) * self.stride + self.kernel - size, 0)
            for size in (x.shape[3], x.shape[2])
        )
        return F.pad(x, (width // 2, width - width // 2, height // 2, height - height // 2))


class KerasBatchNorm(nn.BatchNorm2d):
    """Keras' batch norm: another epsilon, and of a batch's statistics it remembers a hundredth.

    Its moving variance is one of biased variances; PyTorch's, of unbiased ones.
    """

    def __init__(self, channels: int) -> None:
        super().__init__(channels, eps=1e-3, momentum=0.01)

    def forward(self, input: Tensor) -> Tensor:
        """[B, C, H, W]."""
        if not self.training:
            return super().forward(input)
        variance, mean = torch.var_mean(input.detach(), (0, 2, 3), correction=0)
        self.running_mean.lerp_(mean, self.momentum)
        self.running_var.lerp_(variance, self.momentum)
        return F.batch_norm(input, None, None, self.weight, self.bias, training=True, eps=self.eps)


def remember_like_keras(net: nn.Module) -> None:
    """Let every batch norm of `net` update its statistics as Keras does, whatever its epsilon."""
    for module in net.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.__class__, module.momentum = KerasBatchNorm, 0.01


class HardSigmoid(nn.Module):
    """Written out, since the gradient of `nn.Hardsigmoid` has its sixth in float32 only."""

    def forward(self, x: Tensor) -> Tensor:
        """Any shape."""
        return F.relu6(x + 3) / 6


class Small(nn.Module):
    """The port."""

    def __init__(self) -> None:
        super().__init__()
        self.pad = PadSame(3, 2)
        self.stem = nn.Conv2d(3, 16, 3, stride=2, bias=False)
        self.stem_bn = KerasBatchNorm(16)
        self.stem_act = nn.ReLU6()
        self.dw_pad = PadSame(5, 2)
        self.dw = nn.Conv2d(16, 16, 5, stride=2, groups=16, bias=False)
        self.dw_bn = KerasBatchNorm(16)
        self.dw_act = nn.ReLU6()
        self.gate_mean = nn.AdaptiveAvgPool2d(1)
        self.gate = nn.Conv2d(16, 16, 1)
        self.gate_act = HardSigmoid()
        self.classes = nn.Linear(16 * 4 * 5, 10)

    def forward(self, x: Tensor) -> Tensor:
        """Images [B, 3, 15, 20] to logits [B, 10]."""
        x = self.stem_act(self.stem_bn(self.stem(self.pad(x))))
        x = self.dw_act(self.dw_bn(self.dw(self.dw_pad(x))))
        x = x * self.gate_act(self.gate(self.gate_mean(x)))
        return self.classes(x.permute(0, 2, 3, 1).flatten(1))


def spec() -> PortSpec:
    """Both, with seeded weights, on two seeded images."""
    torch.manual_seed(0)
    return port_spec("small", KerasModel(build, seed=0), Small(), probe_input((2, 15, 20, 3)))
