"""Keras layers that torch has too, as lines of a module; of any other nothing is said."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

ACTIVATIONS = {
    "relu": "nn.ReLU()",
    "relu6": "nn.ReLU6()",
    "sigmoid": "nn.Sigmoid()",
    "tanh": "nn.Tanh()",
    "gelu": "nn.GELU()",
    "silu": "nn.SiLU()",
    "elu": "nn.ELU()",
    "selu": "nn.SELU()",
    "softplus": "nn.Softplus()",
    "softsign": "nn.Softsign()",
    "hard_sigmoid": "nn.Hardsigmoid()",
    "hard_silu": "nn.Hardswish()",
    "leaky_relu": "nn.LeakyReLU(0.2)",
}


@dataclass
class Lines:
    """Of one layer: its modules by suffix of the layer's name, in the order in which they work.

    `expression` takes their place where there are none; `{0}`, `{1}` and so on are what is read,
    channels first where there are four axes. `parts` are helpers that the lines need.
    """

    modules: list[tuple[str, str]] = field(default_factory=list)
    expression: str = "{0}"
    parts: set[str] = field(default_factory=set)


class Unwritten(Exception):  # noqa: N818  (no error of anybody's)
    """Of this layer there is no line; says why, if more is known than its kind."""


def write_layer(layer: Any, shapes: Sequence[Sequence[int | None]]) -> Lines:
    """A layer that reads tensors of `shapes`, in Keras' layout.

    Raises:
        Unwritten: torch has none that is sure to be the same.
    """
    kind = type(layer).__name__
    if kind not in WRITERS:
        raise Unwritten
    if getattr(layer, "data_format", None) == "channels_first":
        raise Unwritten("channels first")
    return WRITERS[kind](layer, [tuple(shape) for shape in shapes])


def activation(function: Any, rank: int) -> str | None:
    """A module; None of the identity."""
    name = getattr(function, "__name__", type(function).__name__)
    if name == "linear":
        return None
    if name == "softmax":
        return f"nn.Softmax(dim={1 if rank == 4 else -1})"
    if name not in ACTIVATIONS:
        raise Unwritten(f"activation {name}")
    return ACTIVATIONS[name]


Shapes = list[tuple[int | None, ...]]


def _activated(lines: Lines, layer: Any, rank: int) -> Lines:
    written = activation(layer.activation, rank)
    if written is not None:
        lines.modules.append(("_act" if lines.modules else "", written))
    return lines


def _conv(layer: Any, shapes: Shapes) -> Lines:
    (shape,) = shapes
    depthwise = type(layer).__name__ == "DepthwiseConv2D"
    channels, kernel, stride = shape[-1], tuple(layer.kernel_size), tuple(layer.strides)
    out = channels * layer.depth_multiplier if depthwise and channels else layer.filters
    groups = channels if depthwise else layer.groups
    same, lines = layer.padding == "same", Lines()
    options = [f"stride={stride}"] if stride != (1, 1) else []
    dilation = tuple(layer.dilation_rate)
    if same and stride != (1, 1):
        if dilation != (1, 1):
            raise Unwritten("stride and dilation")
        lines.modules.append(("_pad", f"PadSame({kernel}, {stride})"))
        lines.parts.add("pad_same")
    elif same:
        options.append('padding="same"')
    options += [f"dilation={dilation}"] if dilation != (1, 1) else []
    options += [f"groups={groups}"] if groups != 1 else []
    options += [] if layer.use_bias else ["bias=False"]
    told = ", ".join([str(channels), str(out), str(kernel), *options])
    lines.modules.append(("", f"nn.Conv2d({told})"))
    return _activated(lines, layer, 4)


def _dense(layer: Any, shapes: Shapes) -> Lines:
    (shape,) = shapes
    bias = "" if layer.use_bias else ", bias=False"
    linear = f"nn.Linear({shape[-1]}, {layer.units}{bias})"
    if len(shape) == 4:
        raise Unwritten("along the last of four axes")
    return _activated(Lines([("", linear)]), layer, len(shape))


def _batch_norm(layer: Any, shapes: Shapes) -> Lines:
    (shape,) = shapes
    axis = layer.axis if isinstance(layer.axis, int) else layer.axis[0]
    if axis % len(shape) != len(shape) - 1 or len(shape) not in (2, 4):
        raise Unwritten("along another axis")
    if layer.center != layer.scale:
        raise Unwritten("only one of scale and shift")
    kind = "nn.BatchNorm2d" if len(shape) == 4 else "nn.BatchNorm1d"
    affine = "" if layer.scale else ", affine=False"
    momentum = round(1 - layer.momentum, 12)
    told = f"{kind}({shape[-1]}, eps={layer.epsilon}, momentum={momentum}{affine})"
    return Lines([("", told)])


def _layer_norm(layer: Any, shapes: Shapes) -> Lines:
    (shape,) = shapes
    axes = [layer.axis] if isinstance(layer.axis, int) else list(layer.axis)
    if len(shape) == 4 or [axis % len(shape) for axis in axes] != [len(shape) - 1]:
        raise Unwritten("along other axes")
    if not (layer.center and layer.scale) or getattr(layer, "rms_scaling", False):
        raise Unwritten("without scale or shift")
    return Lines([("", f"nn.LayerNorm({shape[-1]}, eps={layer.epsilon})")])


def _pool(layer: Any, shapes: Shapes) -> Lines:
    (shape,) = shapes
    kernel, stride = tuple(layer.pool_size), tuple(layer.strides)
    largest = type(layer).__name__ == "MaxPooling2D"
    lines = Lines()
    padded = layer.padding == "same" and any(
        size is None or k != s or size % s
        for size, k, s in zip(shape[1:3], kernel, stride, strict=True)
    )
    if padded and not largest:
        raise Unwritten("a mean with padding, which does not count")
    if padded:
        lines.modules.append(("_pad", f'PadSame({kernel}, {stride}, float("-inf"))'))
        lines.parts.add("pad_same")
    kind = "nn.MaxPool2d" if largest else "nn.AvgPool2d"
    lines.modules.append(("", f"{kind}({kernel}, stride={stride})"))
    return lines


def _global_pool(layer: Any, shapes: Shapes) -> Lines:
    axes = "(2, 3)" if len(shapes[0]) == 4 else "1"
    operation = "mean" if "Average" in type(layer).__name__ else "amax"
    return Lines(expression=f"{{0}}.{operation}({axes}, keepdim={bool(layer.keepdims)})")


def _relu(layer: Any, shapes: Shapes) -> Lines:
    if layer.threshold or layer.max_value not in (None, 6):
        raise Unwritten("a threshold or another cap")
    if layer.negative_slope and layer.max_value is not None:
        raise Unwritten("a slope and a cap")
    if layer.negative_slope:
        return Lines([("", f"nn.LeakyReLU({float(layer.negative_slope)})")])
    return Lines([("", "nn.ReLU()" if layer.max_value is None else "nn.ReLU6()")])


def _softmax(layer: Any, shapes: Shapes) -> Lines:
    rank = len(shapes[0])
    if layer.axis not in (-1, rank - 1):
        raise Unwritten("along other axes")
    return Lines([("", f"nn.Softmax(dim={1 if rank == 4 else -1})")])


def _flatten(layer: Any, shapes: Shapes) -> Lines:
    brought = ".permute(0, 2, 3, 1)" if len(shapes[0]) == 4 else ""
    return Lines(expression=f"{{0}}{brought}.flatten(1)")


def _merge(sign: str) -> Callable[[Any, Shapes], Lines]:
    def write(layer: Any, shapes: Shapes) -> Lines:
        if len({len(shape) for shape in shapes}) > 1:
            raise Unwritten("of different numbers of axes")
        return Lines(expression=f" {sign} ".join(f"{{{i}}}" for i in range(len(shapes))))

    return write


def _concatenate(layer: Any, shapes: Shapes) -> Lines:
    rank = len(shapes[0])
    axis = layer.axis % rank
    axis = {1: 2, 2: 3, 3: 1}.get(axis, axis) if rank == 4 else axis
    reads = ", ".join(f"{{{i}}}" for i in range(len(shapes)))
    return Lines(expression=f"torch.cat([{reads}], {axis})")


def _zero_padding(layer: Any, shapes: Shapes) -> Lines:
    (top, bottom), (left, right) = layer.padding
    return Lines([("", f"nn.ZeroPad2d({(left, right, top, bottom)})")])


def _up_sampling(layer: Any, shapes: Shapes) -> Lines:
    if layer.interpolation != "nearest":
        raise Unwritten(f"{layer.interpolation}")
    return Lines(
        [("", f'nn.Upsample(scale_factor={tuple(map(float, layer.size))}, mode="nearest")')]
    )


def _rescaling(layer: Any, shapes: Shapes) -> Lines:
    if not all(isinstance(value, int | float) for value in (layer.scale, layer.offset)):
        raise Unwritten("by several numbers")
    return Lines(expression=f"{{0}} * {layer.scale!r} + {layer.offset!r}")


WRITERS: dict[str, Callable[[Any, Shapes], Lines]] = {
    "Conv2D": _conv,
    "DepthwiseConv2D": _conv,
    "Dense": _dense,
    "BatchNormalization": _batch_norm,
    "LayerNormalization": _layer_norm,
    "MaxPooling2D": _pool,
    "AveragePooling2D": _pool,
    "GlobalAveragePooling2D": _global_pool,
    "GlobalMaxPooling2D": _global_pool,
    "GlobalAveragePooling1D": _global_pool,
    "GlobalMaxPooling1D": _global_pool,
    "Activation": lambda layer, shapes: _activated(Lines(), layer, len(shapes[0])),
    "ReLU": _relu,
    "LeakyReLU": lambda layer, _: Lines([("", f"nn.LeakyReLU({float(layer.negative_slope)})")]),
    "ELU": lambda layer, _: Lines([("", f"nn.ELU({float(layer.alpha)})")]),
    "Softmax": _softmax,
    "Flatten": _flatten,
    "Dropout": lambda layer, _: Lines([("", f"nn.Dropout({float(layer.rate)})")]),
    "SpatialDropout2D": lambda layer, _: Lines([("", f"nn.Dropout2d({float(layer.rate)})")]),
    "Add": _merge("+"),
    "Subtract": _merge("-"),
    "Multiply": _merge("*"),
    "Concatenate": _concatenate,
    "ZeroPadding2D": _zero_padding,
    "UpSampling2D": _up_sampling,
    "Rescaling": _rescaling,
    "Embedding": lambda layer, _: Lines(
        [("", f"nn.Embedding({layer.input_dim}, {layer.output_dim})")]
    ),
}
