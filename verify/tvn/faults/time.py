"""Time: taken backwards, from the wrong axis, or in the wrong repeat."""

from collections import OrderedDict
from collections.abc import Callable

from torch import Tensor, nn

from port.block import Block
from port.layers import ClipMean, ClipScale, TemporalConv, TemporalPool
from verify.diagnosis.fault import Fault, Site, Undo, behaves, with_values
from verify.tvn.faults.blocks import block_of

Right = Callable[..., Tensor]
Temporal = TemporalConv | TemporalPool


def _frame_major(x: Tensor, frames: int) -> Tensor:
    """`[B*T, …]` as somebody sees it who takes it for `[T*B, …]`."""
    return x.unflatten(0, (frames, -1)).transpose(0, 1).flatten(0, 1)


def _interleaved(module: Temporal | ClipScale, right: Right, x: Tensor, *gate: Tensor) -> Tensor:
    y = right(_frame_major(x, module.frames), *gate)
    clips = x.shape[0] // module.frames
    return _frame_major(y, clips)


def _mean_interleaved(module: ClipMean, right: Right, x: Tensor) -> Tensor:
    return right(_frame_major(x, module.frames))


def _reshaped(module: Temporal, right: Right, x: Tensor) -> Tensor:
    """`[B*T, C, H, W]` viewed as `[B, C, T, H*W]` without moving an axis, and so back."""
    channels, height, width = x.shape[1:]
    viewed = x.reshape(-1, channels, module.frames, height, width)
    y = right(viewed.transpose(1, 2).flatten(0, 1))
    frames = y.shape[0] * module.frames // x.shape[0]
    return y.unflatten(0, (-1, frames)).transpose(1, 2).reshape(y.shape)


def _has_time(*kinds: type[nn.Module]) -> Callable[[Site], bool]:
    return lambda site: isinstance(site.module, kinds) and getattr(site.module, "frames", 1) > 1


def _strides(site: Site) -> bool:
    return isinstance(site.module, Temporal) and site.module.stride[0] > 1


def _is_reversible(site: Site) -> bool:
    return isinstance(site.module, TemporalConv) and site.module.kernel[0] > 1


def _next_repeat(site: Site) -> Block | None:
    """The repeat behind the one that has this temporal layer, where it can take the layer over."""
    block = block_of(site)
    if block is None or getattr(block.path, "temporal", None) is None:
        return None
    name, _, repeat = block.name.rpartition("-")
    blocks = (module for module in site.net.modules() if isinstance(module, Block))
    return next((other for other in blocks if other.name == f"{name}-{int(repeat) + 1}"), None)


def _turn_can_move(site: Site) -> bool:
    block = block_of(site)
    if block is None or _next_repeat(site) is None:
        return False
    temporal = getattr(block.path, "temporal", None)
    first = temporal if isinstance(temporal, TemporalPool) else getattr(temporal, "conv", None)
    return site.module is first


def _move_turn(site: Site) -> Undo:
    """The repeat's temporal layer to the next one, which has none of its own."""
    block, following = block_of(site), _next_repeat(site)
    assert block is not None and following is not None
    saved = [(each.path, OrderedDict(each.path._modules)) for each in (block, following)]
    temporal = block.path._modules.pop("temporal")
    rest = OrderedDict(following.path._modules)
    following.path._modules.clear()
    for name in ("inverted_expand", "pointwise", "spatial"):
        if name in rest:
            following.path._modules[name] = rest.pop(name)
    following.path._modules["temporal"] = temporal
    following.path._modules.update(rest)

    def undo() -> None:
        for path, modules in saved:
            path._modules.clear()
            path._modules.update(modules)

    return undo


FAULTS = (
    Fault(
        "temporal kernel reversed",
        _is_reversible,
        with_values(weight=lambda module: module.weight.flip(2)),
    ),
    Fault(
        "frames and clips interleaved",
        _has_time(TemporalConv, TemporalPool, ClipScale),
        behaves(_interleaved),
    ),
    Fault(
        "frames and clips interleaved in a mean", _has_time(ClipMean), behaves(_mean_interleaved)
    ),
    Fault(
        "time reshaped instead of transposed",
        _has_time(TemporalConv, TemporalPool),
        behaves(_reshaped),
    ),
    Fault("temporal stride missing", _strides, with_values(stride=lambda _: (1, 1))),
    Fault("temporal layer in the other repeats", _turn_can_move, _move_turn, wide=True),
    Fault(
        "temporal layer over one frame",
        _has_time(TemporalConv, TemporalPool),
        with_values(frames=lambda _: 1),
    ),
)
