"""Pools as PyTorch has them by default, or of the wrong kind."""

from collections.abc import Callable

from torch import Tensor
from torch.nn import functional as F

from port.layers import SpatialPool, TemporalPool
from port.layers.frames import flatten_time, unfold_time
from port.tf_semantics import pad_same
from verify.diagnosis.fault import Applies, Fault, Site, behaves, with_values

Pool = SpatialPool | TemporalPool
Right = Callable[[Tensor], Tensor]


def _over_images(
    wrong: Callable[[Pool, Tensor], Tensor],
) -> Callable[[Pool, Right, Tensor], Tensor]:
    """`wrong` on what a pool slides over, which for a temporal one is time by pixels."""

    def forward(module: Pool, right: Right, x: Tensor) -> Tensor:
        if isinstance(module, TemporalPool):
            return flatten_time(wrong(module, unfold_time(x, module.frames)), x.shape)
        return wrong(module, x)

    return forward


@_over_images
def _padding_counted(module: Pool, x: Tensor) -> Tensor:
    return F.avg_pool2d(pad_same(x, module.kernel, module.stride), module.kernel, module.stride)


@_over_images
def _padded_with_zeros(module: Pool, x: Tensor) -> Tensor:
    return F.max_pool2d(pad_same(x, module.kernel, module.stride), module.kernel, module.stride)


@_over_images
def _ceil_mode(module: Pool, x: Tensor) -> Tensor:
    pool = F.max_pool2d if module.kind == "maxpool" else F.avg_pool2d
    return pool(x, module.kernel, module.stride, ceil_mode=True)


def _pools(kind: str = "", more: Callable[[Pool], bool] = lambda module: True) -> Applies:
    """Pools of this kind, over space or time, that see more than one element."""

    def applies(site: Site) -> bool:
        module = site.module
        if not isinstance(module, Pool) or module.kernel[0] == 1:
            return False
        return kind in ("", module.kind) and more(module)

    return applies


def _strides(module: Pool) -> bool:
    return module.stride[0] > 1


FAULTS = (
    Fault("padding counted in averages", _pools("avgpool"), behaves(_padding_counted)),
    Fault("maxima padded with zeros", _pools("maxpool"), behaves(_padded_with_zeros)),
    Fault("pool in ceil mode, not padded", _pools(), behaves(_ceil_mode)),
    Fault("maximum for average", _pools("avgpool"), with_values(kind=lambda _: "maxpool")),
    Fault("average for maximum", _pools("maxpool"), with_values(kind=lambda _: "avgpool")),
    Fault(
        "pool's stride left at its kernel",
        _pools(more=lambda module: module.stride != module.kernel),
        with_values(stride=lambda module: module.kernel),
    ),
    Fault("pool's stride missing", _pools(more=_strides), with_values(stride=lambda _: (1, 1))),
)
