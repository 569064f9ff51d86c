"""Mistakes in a module: an attribute, its kind, or what it does, one changed at a time."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from torch import nn
from torch.nn import functional as F

from verify.measure.custom import changes
from verify.measure.custom.changes import Change


@dataclass(frozen=True, slots=True)
class Mistake:
    """What is wrong in a module, of which family, and words that name it in a diagnosis.

    `leaves`: tensors of the module that the mistake takes out of use, or that it adds.
    """

    name: str
    family: str
    change: Change
    words: tuple[str, ...]
    leaves: tuple[str, ...] = ()
    adds: tuple[str, ...] = ()


ACTIVATIONS: dict[str, Callable[[], nn.Module]] = {
    "ReLU": nn.ReLU,
    "ReLU6": nn.ReLU6,
    "LeakyReLU": lambda: nn.LeakyReLU(0.2),
    "ELU": nn.ELU,
    "SELU": nn.SELU,
    "GELU": nn.GELU,
    "GELU by tanh": lambda: nn.GELU(approximate="tanh"),
    "SiLU": nn.SiLU,
    "Mish": nn.Mish,
    "Hardswish": nn.Hardswish,
    "Tanh": nn.Tanh,
    "Sigmoid": nn.Sigmoid,
    "Hardsigmoid": nn.Hardsigmoid,
    "Softplus": nn.Softplus,
}
CONVOLUTIONS = (nn.modules.conv._ConvNd,)
POOLS = (nn.modules.pooling._MaxPoolNd, nn.modules.pooling._AvgPoolNd)


def mistakes(module: nn.Module) -> Iterator[Mistake]:
    """Every mistake that can be made in a module that holds no others."""
    if isinstance(module, CONVOLUTIONS):
        yield from _in_convolution(module)
    if isinstance(module, POOLS):
        yield from _in_pool(module)
    if isinstance(getattr(module, "eps", None), float):
        yield from _in_norm(module)
    if isinstance(module, nn.RNNBase):
        yield from _in_recurrent(module)
    elif isinstance(module, nn.MultiheadAttention):
        yield from _in_attention(module)
    elif isinstance(module, (*CONVOLUTIONS, nn.Linear)):
        yield from _bias(module)
    if any(isinstance(module, type(make())) for make in ACTIVATIONS.values()):
        yield from _in_activation(module)
    if isinstance(module, nn.Softmax):
        yield _set(
            "softmax over another axis", "activations", ("softmax",), dim=1 - (module.dim or 0)
        )
    if isinstance(module, nn.Dropout):
        yield _does("dropout left on", "activations", changes.dropped, ("dropout",))
    if isinstance(module, nn.Upsample):
        other = "bilinear" if module.mode == "nearest" else "nearest"
        yield _set("resized another way", "sizes", ("resize", "nearest", "bilinear", "upsampl"),
                   mode=other, align_corners=None)  # fmt: skip
        if module.mode == "bilinear":
            yield _set("corners aligned", "sizes", ("corner",), align_corners=True)
    if isinstance(module, nn.Embedding):
        yield _does(
            "tokens shifted by one", "inputs", changes.next_token, ("token", "shift", "index")
        )
    yield from _in_any(module)


def _in_convolution(module: Any) -> Iterator[Mistake]:
    words = ("padding",)
    for axis, size in enumerate(module.kernel_size):
        for step in (1, -1):
            pads = list(module.padding)
            pads[axis] += step
            if pads[axis] >= 0 and not (step > 0 and size == 1):
                name = f"padding {step:+d} along axis {axis}"
                yield _set(name, "padding", words, _conv_again, padding=tuple(pads))
    if any(module.padding) and not module.transposed:
        for mode in ("reflect", "circular", "replicate"):
            yield _set(f"padding {mode}", "padding", (*words, mode), _conv_again, padding_mode=mode)
    for axis in range(len(module.kernel_size)):
        stride = list(module.stride)
        stride[axis] = 1 if stride[axis] > 1 else 2
        yield _set(f"stride along axis {axis}", "stride", ("stride",), stride=tuple(stride))
        dilation = list(module.dilation)
        if module.kernel_size[axis] > 1:
            dilation[axis] = 1 if dilation[axis] > 1 else 2
            yield _set(
                f"dilation along axis {axis}", "stride", ("dilat",), dilation=tuple(dilation)
            )
            pads = list(module.padding)
            change = (dilation[axis] - module.dilation[axis]) * (module.kernel_size[axis] - 1) // 2
            if not module.transposed and any(module.padding):
                pads[axis] = max(pads[axis] + change, 0)
                yield _set(f"dilation along axis {axis}, padded to fit", "stride", ("dilat",),
                           _conv_again, dilation=tuple(dilation), padding=tuple(pads))  # fmt: skip
    if module.transposed and max(module.stride) > 1:
        size = tuple(int(stride > 1) for stride in module.stride)
        yield _set("output padded", "padding", words, output_padding=size)


def _conv_again(module: Any) -> None:
    """What a convolution derives from its padding when it is made."""
    module._reversed_padding_repeated_twice = [p for p in reversed(module.padding) for _ in "ab"]


def _in_pool(module: Any) -> Iterator[Mistake]:
    average = isinstance(module, nn.modules.pooling._AvgPoolNd)
    kernel = module.kernel_size
    rank = int(type(module).__name__[-2])
    stride = module.stride or kernel
    words = ("kernel", "size", "pool")
    yield _set("kernel one larger", "pools", words, kernel_size=_plus(kernel, 1), stride=stride)
    yield _set("stride one larger", "pools", ("stride",), stride=_plus(stride, 1))
    if not (isinstance(stride, int) and stride == 1):
        yield _set("stride one", "pools", ("stride",), stride=1)
    yield _set("sizes rounded up", "pools", ("ceil", "padding"), ceil_mode=not module.ceil_mode)
    yield _set("padding changed", "pools", ("padding",), padding=0 if module.padding else 1)
    if average and module.padding:
        yield _set("padding counted", "pools", ("count",),
                   count_include_pad=not module.count_include_pad)  # fmt: skip
    kind = getattr(nn, f"{'Max' if average else 'Avg'}Pool{rank}d")
    other = kind(kernel, stride, module.padding)
    yield _becomes(
        f"{'maximum' if average else 'average'} in its place",
        "pools",
        other,
        ("maximum", "average"),
    )


def _plus(value: Any, step: int) -> Any:
    return value + step if isinstance(value, int) else tuple(each + step for each in value)


def _in_norm(module: Any) -> Iterator[Mistake]:
    for eps in (1e-3, 1e-5, 1e-6, 1e-2):
        if abs(eps - module.eps) > 0.1 * max(eps, module.eps):
            yield _set(f"epsilon {eps:g}", "norms", ("epsilon",), eps=eps)
    if isinstance(module, nn.modules.batchnorm._BatchNorm):
        yield _does("the batch's statistics", "norms", changes.batch_statistics, ("batch's own",))
        yield _does(
            "statistics not used", "norms", changes.not_normalized, ("statistics", "mean", "norm")
        )
        yield _does("gamma not used", "norms", changes.without("weight"), ("gamma", "scale"))
        yield _does("beta not used", "norms", changes.without("bias"), ("beta", "bias"))
        yield _does("variance for deviation", "norms", changes.by_variance, ("deviation",))
    if isinstance(module, nn.LayerNorm):
        yield _does(
            "normalized over another axis", "norms", changes.other_axis, ("axis", "axes", "over")
        )
        yield _does("variance unbiased", "norms", changes.unbiased, ("bessel", "unbiased", "n - 1"))
        yield _does("mean not taken off", "norms", changes.root_mean_square, ("mean", "rms"))
        yield _does("gamma not used", "norms", changes.without("weight"), ("gamma", "scale"))
        yield _does("beta not used", "norms", changes.without("bias"), ("beta", "bias"))
    if isinstance(module, nn.GroupNorm):
        yield _set("one group", "norms", ("group",), num_groups=1)
        yield _set("a group a channel", "norms", ("group",), num_groups=module.num_channels)


def _in_activation(module: nn.Module) -> Iterator[Mistake]:
    right = str(module)
    words = ("does not compute", "activation", *_words_of(module))
    yield _becomes("no activation", "activations", nn.Identity(), words)
    for name, make in ACTIVATIONS.items():
        if str(make()) != right:
            yield _becomes(f"{name} in its place", "activations", make(), words)
    if isinstance(module, nn.LeakyReLU):
        for slope in (0.01, 0.3):
            yield _set(f"slope {slope}", "activations", ("slope",), negative_slope=slope)
    if isinstance(module, nn.ELU):
        yield _set("alpha 0.5", "activations", ("alpha", "elu"), alpha=0.5)


def _words_of(module: nn.Module) -> tuple[str, ...]:
    """What a diagnosis may call the right activation."""
    return (type(module).__name__.lower(),)


def _in_recurrent(module: Any) -> Iterator[Mistake]:
    yield _set("batch and time swapped", "recurrent", ("batch_first",),
               batch_first=not module.batch_first)  # fmt: skip
    yield _does("time backwards", "recurrent", changes.backwards, ("time", "direction", "backward"))
    if isinstance(module, nn.RNN):
        yield _set("ReLU in place of tanh", "recurrent", ("relu", "tanh"), nonlinearity="relu",
                   mode="RNN_RELU")  # fmt: skip
    yield _does("first state not zero", "recurrent", changes.first_state, ("state",))
    if module.bidirectional:
        yield _does("halves swapped", "recurrent", changes.halves_swapped, ("direction", "halves"))


def _in_attention(module: Any) -> Iterator[Mistake]:
    for heads in (1, 2, 4):
        if heads != module.num_heads and module.embed_dim % heads == 0:
            yield _set(f"{heads} heads", "attention", ("head",), num_heads=heads,
                       head_dim=module.embed_dim // heads)  # fmt: skip
    yield _set("batch and time swapped", "attention", ("batch_first", "batch"),
               batch_first=not module.batch_first)  # fmt: skip
    yield _set("a zero to attend to", "attention", ("zero",), add_zero_attn=True)
    yield _does("query for key", "attention", changes.query_for_key, ("query", "key"))


def _bias(module: Any) -> Iterator[Mistake]:
    if module.bias is not None:
        yield Mistake(
            "no bias", "weights", changes.drop_bias, ("bias is missing", "bias"), ("bias",)
        )
    else:
        yield Mistake("a bias", "weights", changes.add_bias, ("bias",), (), ("bias",))


def _in_any(module: nn.Module) -> Iterator[Mistake]:
    """What may happen to the output or the input of a module of any kind."""
    yield _does(
        "a hundredth larger", "scales", changes.scaled(1.01), ("scale", "times", "larger", "factor")
    )
    yield _does(
        "halved", "scales", changes.scaled(0.5), ("scale", "times", "half", "factor", "divided")
    )
    yield _does("negative", "scales", changes.scaled(-1.0), ("sign", "times", "negative", "factor"))
    if isinstance(module, nn.RNNBase | nn.MultiheadAttention | nn.Embedding):
        return
    yield _does(
        "input halved", "inputs", changes.fed(lambda x: 0.5 * x), ("input", "scale", "times")
    )
    yield _does("input capped", "inputs", changes.fed(F.relu), ("input", "relu"))
    if isinstance(module, CONVOLUTIONS):
        yield _does(
            "input mirrored", "inputs", changes.fed(lambda x: x.flip(-1)), ("mirrored", "input")
        )
        yield _does(
            "channels reversed", "inputs", changes.fed(lambda x: x.flip(1)), ("colour", "order")
        )
        yield _does("output rolled", "weights", changes.rolled, ("rolled", "channel"))
    if isinstance(module, (*CONVOLUTIONS, nn.Linear)):
        yield _does("ReLU behind it", "activations", changes.then(F.relu), ("relu", "activation"))
        words = ("precision", "rounding", "half", "float16")
        yield _does("computed in half precision", "precision", changes.rounded, words)


def _set(
    name: str,
    family: str,
    words: tuple[str, ...],
    then: Callable[[Any], None] = lambda module: None,
    /,
    **values: Any,
) -> Mistake:
    """Attributes of the module with other values."""

    def change(net: nn.Module, path: str) -> None:
        inner = net.get_submodule(path)
        for attribute, value in values.items():
            setattr(inner, attribute, value)
        then(inner)

    return Mistake(name, family, change, words)


def _becomes(name: str, family: str, other: nn.Module, words: tuple[str, ...]) -> Mistake:
    """Another module in its place."""
    return Mistake(name, family, lambda net, path: net.set_submodule(path, other), words)


def _does(name: str, family: str, wrong: Callable[..., Any], words: tuple[str, ...]) -> Mistake:
    """`wrong(module, right, *inputs)`, where `right` is what it computes."""

    def change(net: nn.Module, path: str) -> None:
        inner = net.get_submodule(path)
        kind: Any = type(inner)

        def forward(self: nn.Module, *args: Any, **kwargs: Any) -> Any:
            return wrong(self, lambda *a: kind.forward(self, *a, **kwargs), *args)

        inner.__class__ = type(kind.__name__, (kind,), {"forward": forward})

    return Mistake(name, family, change, words)
