"""Repairs of layers that slide: other padding, stride or dilation, the other pool, other groups."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from torch import Tensor, nn
from torch.nn import functional as F

from verify.diagnosis.cause import Repair
from verify.diagnosis.fault import Plant, behaves, with_values
from verify.diagnosis.windows import (
    CAUSAL,
    PADDINGS,
    Padding,
    Sizes,
    Slide,
    Window,
    averages,
    averages_counting,
    convolve,
    dims_of,
    maxima,
    pool_of,
    sizes,
    told,
    window_of,
)

STEPS = (1, 2, 3, 4)


def sliding_repairs(module: nn.Module, args: tuple[Any, ...]) -> Iterator[Repair]:
    """The changes that may mend a convolution or a pool that reads `args`."""
    dims, pool = dims_of(module), pool_of(module)
    if not dims or getattr(module, "transposed", False):
        return
    x = args[0] if args and isinstance(args[0], Tensor) else None
    if x is None or (x.ndim != dims + 2 and not _over_frames(module)):
        return
    if pool is not None:
        yield from _settings(module)
        yield from paddings(module, pool, args)
        yield from _other_pools(module)
    elif isinstance(getattr(module, "weight", None), Tensor):
        yield from _groups(module)
        yield from paddings(module, convolve, args)


def adaptive_repairs(module: nn.Module) -> Iterator[Repair]:
    """A maximum of everything in place of an average, or the other way round."""
    name = type(module).__name__
    if name.startswith("Adaptive") and name[-2:] in ("1d", "2d", "3d"):
        is_max = "Max" in name
        other = getattr(F, f"adaptive_{'avg' if is_max else 'max'}_pool{name[-2]}d")
        yield Repair(
            f"not the {'average' if is_max else 'maximum'}",
            behaves(lambda module, right, x: other(x, module.output_size)),
        )


def _over_frames(module: nn.Module) -> bool:
    return getattr(module, "frames", None) is not None


def _settings(module: nn.Module) -> Iterator[Repair]:
    """Arguments of torch's pools."""
    for name in ("count_include_pad", "ceil_mode"):
        if isinstance(own := getattr(module, name, None), bool):
            yield Repair(f"{name} is {own}", with_values(**{name: _constant(not own)}))
    if (own := getattr(module, "divisor_override", None)) is not None:
        plant = with_values(divisor_override=_constant(None))
        yield Repair(f"divisor_override is {own}", plant)


def _groups(module: Any) -> Iterator[Repair]:
    groups = getattr(module, "groups", 1)
    mode = getattr(module, "padding_mode", "zeros")
    if mode != "zeros":
        yield Repair(f"padding is {mode}, not zeros", with_values(padding_mode=lambda _: "zeros"))
    for count in dict.fromkeys((groups, module.weight.shape[1])):
        if count > 1:
            yield Repair(
                "channels of the groups are interleaved",
                behaves(lambda module, right, x, count=count: right(_interleaved(x, count))),
            )


def _interleaved(x: Tensor, groups: int) -> Tensor:
    return x.unflatten(1, (-1, groups)).transpose(1, 2).flatten(1, 2)


def paddings(module: nn.Module, slide: Slide, args: tuple[Any, ...]) -> Iterator[Repair]:
    """Each padding with the module's own window; then with other ones."""
    if _over_frames(module):  # slides over more than it is fed
        return
    own, dims = window_of(module), dims_of(module)
    known = PADDINGS | (CAUSAL if dims == 1 else {})
    around = [x for x in args if isinstance(x, Tensor) and x.ndim == dims + 2]
    in_front = any(max(max(pair) for pair in _zeros_around(x)) for x in around)
    for name, padding in known.items():
        yield Repair(f"padding is not {name}", _sliding(slide, padding, own))
        if in_front:  # padded before it gets here, by what has no tap
            what = f"padding in front of it is not {name}"
            if slide is maxima:
                what = f"padded with zeros in front of it; should be, as if without, {name}"
            yield Repair(what, _sliding(slide, padding, own, _without_zeros_around))
    for wrong, window in _other_windows(own, dims, slide):
        for name, padding in known.items():
            what = f"{wrong}, with padding {name}"
            yield Repair(what, _sliding(slide, padding, window))
            if in_front:
                plant = _sliding(slide, padding, window, _without_zeros_around)
                yield Repair(f"{what}, also in front of it", plant)


def _other_windows(own: Window, dims: int, slide: Slide) -> Iterator[tuple[str, Window]]:
    for stride in each_step(dims):
        if stride != own.stride:
            what = f"stride {told(own.stride)} instead of {told(stride)}"
            yield what, replace(own, stride=stride)
    if slide is not averages:
        for dilation in each_step(dims):
            if dilation != own.dilation:
                what = f"dilation {told(own.dilation)} instead of {told(dilation)}"
                yield what, replace(own, dilation=dilation)
    if slide is not convolve:
        for kernel in each_step(dims):
            if kernel != own.kernel:
                what = f"kernel {told(own.kernel)} instead of {told(kernel)}"
                stride = kernel if own.stride == own.kernel else own.stride
                yield what, replace(own, kernel=kernel, stride=stride)


def each_step(dims: int) -> Iterator[Sizes]:
    """The same along all axes; of a video, another one in time."""
    yield from (sizes(step, dims) for step in STEPS)
    if dims == 3:
        yield from ((1, step, step) for step in STEPS[1:])


def _zeros_around(x: Tensor) -> list[tuple[int, int]]:
    """How many slices of nothing but zeros are in front and behind, along each axis."""
    found = []
    for axis in range(2, x.ndim):
        others = [each for each in range(x.ndim) if each != axis]
        there = (x != 0).sum(others).nonzero().flatten()
        if not len(there):
            return [(0, 0)] * (x.ndim - 2)
        found.append((int(there[0]), x.shape[axis] - 1 - int(there[-1])))
    return found


def _without_zeros_around(x: Tensor) -> Tensor:
    for axis, (front, behind) in enumerate(_zeros_around(x), 2):
        x = x.narrow(axis, front, x.shape[axis] - front - behind)
    return x


def _other_pools(module: nn.Module) -> Iterator[Repair]:
    """A maximum in place of an average, or the other way round."""
    own = window_of(module)
    right = "average" if pool_of(module) is maxima else "maximum"
    other = averages if right == "average" else maxima
    for name, padding in PADDINGS.items():
        yield Repair(f"not the {right}, with padding {name}", _sliding(other, padding, own))
    if right == "maximum":
        same = PADDINGS["SAME"]
        yield Repair("padding not counted", _sliding(averages_counting, same, own))


def _sliding(
    slide: Slide,
    padding: Padding,
    window: Window,
    prepare: Callable[[Tensor], Tensor] = lambda x: x,
) -> Plant:
    def wrong(module: nn.Module, right: Callable[..., Tensor], x: Tensor) -> Tensor:
        x = prepare(x)
        return slide(module, x, window.pads(padding, x), window)

    return behaves(wrong)


def _constant(value: Any) -> Callable[[Any], Any]:
    return lambda _: value
