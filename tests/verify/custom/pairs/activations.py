"""Activations, as layers of their own, and `Softmax` over an axis."""

from collections.abc import Callable
from typing import Any

from keras import activations, layers
from torch import Tensor, nn
from torch.nn import functional as F

from tests.verify.custom.pairs.pair import Make, Pair, Wrong


class Function(nn.Module):
    """A function without a module."""

    def __init__(self, function: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.function = function

    def forward(self, x: Tensor) -> Tensor:
        return self.function(x)


def pair(classes: str, layer: Callable[[], Any], right: dict[str, Make], **wrong: Any) -> Pair:
    """`wrong`: by the mistake, the module and the cause."""
    modules = {name: Wrong(*each) for name, each in wrong.items()}
    return Pair(classes, lambda x: layer()(x), (4, 5, 6), right, modules, scale=12.0)


def activation(name: str, right: dict[str, Make], **wrong: Any) -> Pair:
    def layer() -> Any:
        function = getattr(activations, name)
        return layers.Activation(function, name="layer")

    return pair(f"Activation({name})", layer, right, **wrong)


PAIRS = (
    pair(
        "ReLU",
        lambda: layers.ReLU(name="layer"),
        {"nn.ReLU": nn.ReLU},
        capped=(nn.Hardtanh, "does not compute ReLU"),
        leaky=(lambda: nn.LeakyReLU(0.1), "does not compute ReLU"),
    ),
    pair(
        "ReLU",
        lambda: layers.ReLU(2.5, name="layer"),
        {"nn.Hardtanh(0, 2.5)": lambda: nn.Hardtanh(0, 2.5)},
        uncapped=(nn.ReLU, "not capped at 2.5"),
        six=(nn.ReLU6, "not capped at 2.5"),
    ),
    pair(
        "LeakyReLU",
        lambda: layers.LeakyReLU(0.3, name="layer"),
        {"nn.LeakyReLU": lambda: nn.LeakyReLU(0.3)},
        default=(nn.LeakyReLU, "slope 0.01 instead of 0.3"),
        relu=(nn.ReLU, "does not compute leaky ReLU, slope 0.3"),
    ),
    pair(
        "LeakyReLU",
        lambda: layers.LeakyReLU(0.17, name="layer"),
        {"nn.LeakyReLU": lambda: nn.LeakyReLU(0.17)},
        default=(nn.LeakyReLU, "slope 0.01 instead of 0.17"),
    ),
    pair(
        "ELU",
        lambda: layers.ELU(name="layer"),
        {"nn.ELU": nn.ELU},
        alpha=(lambda: nn.ELU(0.5), "alpha 0.5 instead of 1"),
        selu=(nn.SELU, "does not compute ELU"),
    ),
    pair(
        "ELU",
        lambda: layers.ELU(0.7, name="layer"),
        {"nn.ELU": lambda: nn.ELU(0.7)},
        default=(nn.ELU, "alpha 1 instead of 0.7"),
        celu=(lambda: nn.CELU(0.7), "does not compute ELU, alpha 0.7"),
    ),
    pair(
        "Softmax",
        lambda: layers.Softmax(name="layer"),
        {"nn.Softmax(1)": lambda: nn.Softmax(1), "nn.Softmax2d": nn.Softmax2d},
        columns=(lambda: nn.Softmax(-1), "softmax over axis -1 instead of 1"),
        logarithm=(lambda: nn.LogSoftmax(1), "does not compute softmax"),
        sigmoid=(nn.Sigmoid, "does not compute softmax"),
    ),
    pair(
        "Softmax",
        lambda: layers.Softmax(axis=2, name="layer"),
        {"nn.Softmax(3)": lambda: nn.Softmax(3)},
        rows=(lambda: nn.Softmax(2), "softmax over axis 2 instead of -1"),
    ),
    activation(
        "gelu",
        {"nn.GELU": nn.GELU},
        tanh=(lambda: nn.GELU("tanh"), "GELU by tanh instead of erf"),
        silu=(nn.SiLU, "does not compute GELU by erf"),
    ),
    pair(
        "Activation(gelu, approximate)",
        lambda: layers.Activation(lambda x: activations.gelu(x, approximate=True), name="layer"),
        {'nn.GELU("tanh")': lambda: nn.GELU("tanh")},
        erf=(nn.GELU, "GELU by erf instead of tanh"),
    ),
    activation(
        "silu",
        {"nn.SiLU": nn.SiLU},
        hard=(nn.Hardswish, "does not compute swish"),
        sigmoid=(nn.Sigmoid, "does not compute swish"),
    ),
    activation("sigmoid", {"nn.Sigmoid": nn.Sigmoid}, hard=(nn.Hardsigmoid, "compute sigmoid")),
    activation("tanh", {"nn.Tanh": nn.Tanh}, hard=(nn.Hardtanh, "does not compute tanh")),
    activation("softplus", {"nn.Softplus": nn.Softplus}, relu=(nn.ReLU, "compute softplus")),
    activation("softsign", {"nn.Softsign": nn.Softsign}, tanh=(nn.Tanh, "compute softsign")),
    activation("selu", {"nn.SELU": nn.SELU}, elu=(nn.ELU, "does not compute SELU")),
    activation("mish", {"nn.Mish": nn.Mish}, silu=(nn.SiLU, "does not compute mish")),
    activation("celu", {"nn.CELU": nn.CELU}, selu=(nn.SELU, "does not compute")),
    activation("relu6", {"nn.ReLU6": nn.ReLU6}, relu=(nn.ReLU, "does not compute ReLU6")),
    activation("hard_silu", {"nn.Hardswish": nn.Hardswish}, soft=(nn.SiLU, "hard swish")),
    activation(
        "hard_sigmoid",
        {"F.relu6": lambda: Function(lambda x: F.relu6(x + 3) / 6)},
        soft=(nn.Sigmoid, "hard sigmoid, of a sixth"),
    ),
    activation("log_sigmoid", {"nn.LogSigmoid": nn.LogSigmoid}, no=(nn.Sigmoid, "log sigmoid")),
    activation("hard_tanh", {"nn.Hardtanh": nn.Hardtanh}, soft=(nn.Tanh, "hard tanh")),
    activation("tanh_shrink", {"nn.Tanhshrink": nn.Tanhshrink}, no=(nn.Tanh, "tanh shrink")),
    activation(
        "soft_shrink", {"nn.Softshrink": nn.Softshrink}, hard=(nn.Hardshrink, "soft shrink")
    ),
    activation(
        "hard_shrink", {"nn.Hardshrink": nn.Hardshrink}, soft=(nn.Softshrink, "hard shrink")
    ),
    activation(
        "squareplus",
        {"by hand": lambda: Function(lambda x: (x + (x * x + 4).sqrt()) / 2)},
        softplus=(nn.Softplus, "squareplus"),
    ),
    activation(
        "exponential", {"torch.exp": lambda: Function(Tensor.exp)}, elu=(nn.ELU, "exponential")
    ),
    activation(
        "log_softmax",
        {"nn.LogSoftmax(1)": lambda: nn.LogSoftmax(1)},
        plain=(lambda: nn.Softmax(1), "log softmax"),
        columns=(lambda: nn.LogSoftmax(-1), "softmax over axis -1 instead of 1"),
    ),
    activation("relu", {"nn.ReLU": nn.ReLU}, swish=(nn.SiLU, "does not compute ReLU")),
)
