"""Squeeze-and-excitation and context gates: over what they average, how wide, in which order."""

from collections import OrderedDict
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from port.layers import ClipMean, ClipScale, Conv2d
from port.path import MINIMUM_SQUEEZE_WIDTH, Gate
from verify.diagnosis.fault import Fault, Site, Undo, behaves, is_a, with_values
from verify.tvn.faults.blocks import block_of

Right = Callable[..., Tensor]


def _sum(module: ClipMean, right: Right, x: Tensor) -> Tensor:
    return right(x) * (module.frames * x.shape[-1] * x.shape[-2])


def _maximum(module: ClipMean, right: Right, x: Tensor) -> Tensor:
    return x.unflatten(0, (-1, module.frames)).amax((1, 3, 4))[..., None, None]


def _first_frame(module: ClipMean, right: Right, x: Tensor) -> Tensor:
    return x[:: module.frames].mean((2, 3), keepdim=True)


def _of_first_clip(module: ClipScale, right: Right, x: Tensor, gate: Tensor) -> Tensor:
    return right(x, gate[:1])


def _missing(module: ClipScale, right: Right, x: Tensor, gate: Tensor) -> Tensor:
    return x


def _added(module: ClipScale, right: Right, x: Tensor, gate: Tensor) -> Tensor:
    return right(torch.ones_like(x), gate) + x


def _one_more(module: ClipScale, right: Right, x: Tensor, gate: Tensor) -> Tensor:
    return right(x, 1 + gate)


def _without_bias(module: nn.Module) -> Tensor:
    return torch.zeros_like(module.get_parameter("bias"))


def _has_bias(site: Site) -> bool:
    return isinstance(site.module, Conv2d) and site.module.bias is not None


def _sees_time(site: Site) -> bool:
    return isinstance(site.module, ClipMean) and site.module.frames > 1


def _gate_of(site: Site) -> Gate | None:
    gates = (module for module in site.net.modules() if isinstance(module, Gate))
    return next((gate for gate in gates if site.module in list(gate.modules())), None)


def _is_squeeze(site: Site) -> bool:
    """The first of two convolutions in a gate."""
    gate = _gate_of(site) if isinstance(site.module, Conv2d) else None
    return gate is not None and hasattr(gate.layers, "conv1") and gate.layers.conv0 is site.module


def _has_both_gates(site: Site) -> bool:
    block = block_of(site)
    path = None if block is None else block.path
    first = None if path is None else getattr(path, "squeeze_excite", None)
    return first is not None and hasattr(path, "context_gate") and site.module is first.mean


def _swap_gates(site: Site) -> Undo:
    block = block_of(site)
    assert block is not None
    modules = block.path._modules
    right = OrderedDict(modules)
    names = list(right)
    first, second = names.index("squeeze_excite"), names.index("context_gate")
    names[first], names[second] = names[second], names[first]

    def set_order(order: list[str]) -> None:
        modules.clear()
        modules.update((name, right[name]) for name in order)

    set_order(names)
    return lambda: set_order(list(right))


def _eight(width: int) -> int:
    return -(-width // 8) * 8


def _one_wider(width: int) -> int:
    return width + 1


def _squeezes(to: Callable[[int], int]) -> Callable[[Site], bool]:
    def applies(site: Site) -> bool:
        if not _is_squeeze(site):
            return False
        width = len(site.module.get_parameter("weight"))
        return to(width) != width and width > MINIMUM_SQUEEZE_WIDTH

    return applies


def _squeezed(to: Callable[[int], int]) -> Callable[[Site], Undo]:
    """Make the width between a gate's convolutions another; the new channels repeat old ones."""

    def plant(site: Site) -> Undo:
        gate = _gate_of(site)
        assert gate is not None
        squeeze: Any = gate.layers.conv0
        excite: Any = gate.layers.conv1
        saved = (squeeze.weight, squeeze.bias, excite.weight)
        width = len(squeeze.weight)
        taken = torch.arange(to(width)) % width
        squeeze.weight = nn.Parameter(squeeze.weight.detach()[taken])
        squeeze.bias = nn.Parameter(squeeze.bias.detach()[taken])
        excite.weight = nn.Parameter(excite.weight.detach()[:, taken])

        def undo() -> None:
            squeeze.weight, squeeze.bias, excite.weight = saved

        return undo

    return plant


SCALE = is_a(ClipScale)
FAULTS = (
    Fault(
        "squeeze-and-excitation over a frame instead of a clip",
        _sees_time,
        with_values(frames=lambda module: 1),
    ),
    Fault("gate of the first frame", _sees_time, behaves(_first_frame)),
    Fault("sum for mean in a gate", is_a(ClipMean), behaves(_sum)),
    Fault("maximum for mean in a gate", is_a(ClipMean), behaves(_maximum)),
    Fault("one clip's gate for all", SCALE, behaves(_of_first_clip)),
    Fault("gate not applied", SCALE, behaves(_missing)),
    Fault("gate added instead of multiplied", SCALE, behaves(_added)),
    Fault("gate applied as one plus itself", SCALE, behaves(_one_more)),
    Fault("gate's bias missing", _has_bias, with_values(bias=_without_bias)),
    Fault("context gate before squeeze-and-excitation", _has_both_gates, _swap_gates),
    Fault("squeezed width a multiple of eight", _squeezes(_eight), _squeezed(_eight)),
    Fault("squeezed width rounded up", _squeezes(_one_wider), _squeezed(_one_wider)),
)
