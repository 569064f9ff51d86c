"""A port whose operations between modules are given: right ones in any style, and wrong ones."""

from collections.abc import Callable, Mapping

import keras
import numpy as np
import torch
from einops import rearrange
from keras import layers
from torch import Tensor, nn
from torch.nn import functional as F

from verify.custom import KerasModel, probe_input
from verify.custom.originals.original import Call

# So large that some numbers reach the cap of the activation.
IMAGES = 900 * probe_input((2, 12, 15, 4)) - 400
Step = Callable[..., Tensor]


def build() -> keras.Model:
    x = image = layers.Input((12, 15, 4))
    x = layers.Conv2D(8, 3, name="first")(x)
    x = wide = layers.ReLU(6.0, name="act")(x)
    x = layers.ZeroPadding2D(((0, 1), (1, 2)), name="pad")(x)
    x = layers.Conv2D(8, 3, strides=2, name="second")(x)
    x = layers.Activation("gelu", name="gelu")(x)
    gate = layers.GlobalAveragePooling2D(keepdims=True, name="mean")(x)
    gate = layers.Conv2D(8, 1, activation="sigmoid", name="gate")(gate)
    x = layers.Multiply(name="gated")([x, gate])
    y = layers.Cropping2D(((1, 0), (0, 0)), name="crop")(wide)
    y = layers.Conv2D(8, 1, strides=2, name="side")(y)
    y = layers.AveragePooling2D(3, strides=1, padding="same", name="pool")(y)
    x = layers.Concatenate(name="cat")([x, y])
    x = layers.Conv2D(6, 1, name="third")(x)
    x = layers.Rescaling(0.3, name="scale")(x)
    z = layers.Conv2D(6, 1, name="fourth")(x)
    x = layers.Add(name="add")([x, z])
    x = layers.UpSampling2D(2, name="up")(x)
    x = layers.Conv2D(3, 3, name="fifth")(x)
    x = layers.Flatten(name="flatten")(x)
    x = layers.Dense(5, name="classes")(x)
    return keras.Model(image, layers.Softmax(name="softmax")(x))


class Port(nn.Module):
    """What is no module is given, step by step."""

    def __init__(self, steps: Mapping[str, Step]) -> None:
        super().__init__()
        self.steps = steps
        self.first, self.second = nn.Conv2d(4, 8, 3), nn.Conv2d(8, 8, 3, stride=2)
        self.gate, self.side = nn.Conv2d(8, 8, 1), nn.Conv2d(8, 8, 1, stride=2)
        self.third, self.fourth, self.fifth = (nn.Conv2d(c, d, k) for c, d, k in CONVOLUTIONS)
        self.classes = nn.Linear(3 * 8 * 12, 5)

    def forward(self, x: Tensor) -> Tensor:
        step = self.steps
        wide = step["act"](self.first(x))
        x = step["gelu"](self.second(step["pad"](wide)))
        x = step["gated"](x, step["gate"](self.gate(step["mean"](x))))
        y = step["pool"](self.side(step["crop"](wide)))
        x = step["scale"](self.third(step["cat"](x, y)))
        x = step["up"](step["add"](x, self.fourth(x)))
        return step["softmax"](self.classes(step["flatten"](self.fifth(x))))


CONVOLUTIONS = ((16, 6, 1), (6, 6, 1), (6, 3, 3))


def pooled(x: Tensor) -> Tensor:
    return F.avg_pool2d(x, 3, 1, 1, count_include_pad=False)


def accumulated(x: Tensor, y: Tensor) -> Tensor:
    x = x.clone()
    x += y
    return x


def filled(x: Tensor, y: Tensor) -> Tensor:
    both = x.new_empty(len(x), 16, *x.shape[2:])
    both[:, :8] = x
    both[:, 8:] = y
    return both


def padded(x: Tensor) -> Tensor:
    wider = x.new_zeros(*x.shape[:2], x.shape[2] + 1, x.shape[3] + 3)
    wider[..., :-1, 1:-2].copy_(x)
    return wider


def ratios(x: Tensor) -> Tensor:
    e = (x - x.amax(1, keepdim=True)).exp()
    return e / e.sum(1, keepdim=True)


RIGHT: dict[str, list[Step]] = {
    "act": [
        F.relu6,
        lambda x: x.clamp(0, 6),
        lambda x: F.relu(x).clamp_(max=6),
        lambda x: F.hardtanh_(x, 0, 6),
    ],
    "pad": [
        lambda x: F.pad(x, (1, 2, 0, 1)),
        padded,
        lambda x: F.pad(x, (1, 2, 0, 1), "constant", 0.0),
    ],
    "gelu": [F.gelu, lambda x: x * 0.5 * (1 + torch.erf(x / 2**0.5)), nn.GELU()],
    "mean": [
        lambda x: x.mean((2, 3), keepdim=True),
        lambda x: F.adaptive_avg_pool2d(x, 1),
        lambda x: x.flatten(2).mean(2)[..., None, None],
        lambda x: rearrange(x, "n c h w -> n c (h w)").mean(2)[:, :, None, None],
    ],
    "gate": [
        torch.sigmoid,
        lambda x: x.sigmoid(),
        lambda x: 1 / (1 + torch.exp(-x)),
        lambda x: x.sigmoid_(),
    ],
    "gated": [
        lambda x, g: x * g,
        lambda x, g: g.expand_as(x).mul(x),
        torch.mul,
        lambda x, g: x.mul_(g),
    ],
    "crop": [lambda x: x[:, :, 1:], lambda x: F.pad(x, (0, 0, -1, 0)), lambda x: x.narrow(2, 1, 9)],
    "pool": [
        pooled,
        lambda x: (
            F.avg_pool2d(F.pad(x, (1, 1, 1, 1)), 3, 1)
            * 9
            / F.avg_pool2d(F.pad(torch.ones_like(x), (1, 1, 1, 1)), 3, 1, divisor_override=1)
        ),
    ],
    "cat": [
        lambda x, y: torch.cat([x, y], 1),
        lambda x, y: torch.cat((x, y), dim=-3),
        filled,
        lambda x, y: torch.stack([x, y], 1).flatten(1, 2),
    ],
    "scale": [lambda x: x * 0.3, lambda x: 0.3 * x, lambda x: x / (1 / 0.3), lambda x: x.mul_(0.3)],
    "add": [
        lambda x, y: x + y,
        torch.add,
        accumulated,
        lambda x, y: y.add_(x),
        lambda x, y: torch.stack([x, y]).sum(0),
    ],
    "up": [
        lambda x: F.interpolate(x, scale_factor=2),
        lambda x: x.repeat_interleave(2, 2).repeat_interleave(2, 3),
    ],
    "flatten": [
        lambda x: x.permute(0, 2, 3, 1).flatten(1),
        lambda x: rearrange(x, "n c h w -> n (h w c)"),
        lambda x: x.movedim(1, -1).reshape(len(x), -1),
    ],
    "softmax": [
        lambda x: x.softmax(-1),
        lambda x: F.softmax(x, dim=1),
        ratios,
        lambda x: F.log_softmax(x, 1).exp(),
    ],
}

USUAL = {name: steps[0] for name, steps in RIGHT.items()}
nothing: Step = lambda x, *_: x  # noqa: E731

# The step, what is done there instead, and its cause; that step's tap alone must fail.
WRONG: dict[str, tuple[str, Step, str]] = {
    "no cap": ("act", F.relu, "relu does not compute ReLU6"),
    "no cap, in place": ("act", lambda x: F.relu_(x), "relu does not compute ReLU6"),
    "leaky": ("act", lambda x: F.leaky_relu(x, 0.2).clamp(max=6), "clamp does not compute ReLU6"),
    "pad on the other side": (
        "pad",
        lambda x: F.pad(x, (2, 1, 1, 0)),
        "pad should be (1, 2, 0, 1) instead of (2, 1, 1, 0)",
    ),
    "pad too wide": (
        "pad",
        lambda x: F.pad(x, (1, 3, 0, 2)),
        "pad should be (1, 2, 0, 1) instead of (1, 3, 0, 2)",
    ),
    "pad by repeating": (
        "pad",
        lambda x: F.pad(x, (1, 2, 0, 1), mode="replicate"),
        "pad should be (1, 2, 0, 1) instead of (1, 2, 0, 1), mode='replicate'",
    ),
    "no pad": ("pad", nothing, "pad (1, 2, 0, 1) is missing"),
    "tanh": (
        "gelu",
        lambda x: F.gelu(x, approximate="tanh"),
        "gelu does not compute GELU by erf",
    ),
    "silu": ("gelu", F.silu, "silu does not compute GELU by erf"),
    "no activation": ("gelu", nothing, "GELU by erf is missing"),
    "maximum": (
        "mean",
        lambda x: x.amax((2, 3), keepdim=True),
        "amax does not compute the mean over axes 2, 3",
    ),
    "mean of rows": (
        "mean",
        lambda x: x.mean(2, keepdim=True),
        "mean does not compute the mean over axes 2, 3",
    ),
    "hard sigmoid": ("gate", F.hardsigmoid, "hardsigmoid does not compute sigmoid"),
    "gate not activated": ("gate", nothing, "sigmoid is missing"),
    "gate added": ("gated", lambda x, g: x + g, "add does not compute the product"),
    "gate forgotten": ("gated", nothing, "the product with gate is missing"),
    "slice off by one": ("crop", lambda x: x[:, :, :-1], "should take 1:10 of axis 2"),
    "padding counted": ("pool", lambda x: F.avg_pool2d(x, 3, 1, 1), "count_include_pad is True"),
    "maximum pooled": ("pool", lambda x: F.max_pool2d(x, 3, 1, 1), "not the average"),
    "no pool": ("pool", nothing, "unexplained"),
    "cat reversed": (
        "cat",
        lambda x, y: torch.cat([y, x], 1),
        "in another order: it should be 2, 1",
    ),
    "cat interleaved": (
        "cat",
        lambda x, y: torch.stack([x, y], 2).flatten(1, 2),
        ".permute(0, 2, 1, 3, 4)",
    ),
    "another scale": ("scale", lambda x: x * 0.5, "mul by 0.5 instead of 0.3"),
    "no scale": ("scale", nothing, "a factor of 0.3 is missing"),
    "multiplied": ("add", lambda x, y: x * y, "mul does not compute the sum"),
    "subtracted": ("add", lambda x, y: x - y, "sub does not compute the sum"),
    "subtracted in place": ("add", lambda x, y: x.sub_(y), "sub does not compute the sum"),
    "no residual": ("add", lambda x, y: y, "the sum with scale is missing"),
    "nothing but the residual": ("add", nothing, "the sum with fourth is missing"),
    "half a pixel off": (
        "up",
        lambda x: F.interpolate(x, (10, 14), mode="bilinear"),
        "interpolate does not compute resizing, mode nearest",
    ),
    "channels first": ("flatten", lambda x: x.flatten(1), ".permute(0, 2, 3, 1).flatten(1)"),
    "width first": (
        "flatten",
        lambda x: x.permute(0, 3, 2, 1).flatten(1),
        ".permute(0, 2, 1, 3).flatten(1)",
    ),
    "axis": ("softmax", lambda x: x.softmax(0), "softmax over the last axis"),
    "logarithm": ("softmax", lambda x: x.log_softmax(1), "softmax over the last axis"),
    "no softmax": ("softmax", nothing, "softmax over the last axis is missing"),
}
QUICK = ("no cap, in place", "no pad", "gate forgotten", "slice off by one", "cat reversed")
QUICK += ("another scale", "no activation", "channels first")


class Kept(KerasModel):
    """Runs only once what many comparisons share."""

    def __init__(self) -> None:
        super().__init__(build, seed=0)
        self.called = super().calls({"input": IMAGES})

    def calls(self, inputs: Mapping[str, np.ndarray]) -> list[Call]:
        return self.called
