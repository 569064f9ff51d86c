"""A block's layers in front of its skip: spatial, temporal, expansion, gates, projection.

Paper: arXiv 1910.06961, section 3.1; the order and every width follow the released code.
"""

from collections import OrderedDict
from itertools import pairwise

from torch import Tensor, nn

from port.errors import InputError
from port.genotype import BlockGenotype
from port.layers import (
    BatchNorm,
    ClipMean,
    ClipScale,
    Conv2d,
    DepthwiseConv2d,
    SpatialPool,
    TemporalConv,
    TemporalPool,
    make_activation,
)
from port.scope import Scope
from port.tf_semantics import same_output_size

# The original never squeezes to fewer channels than this.
MINIMUM_SQUEEZE_WIDTH = 8
# What the taps of pools are called.
POOL_TAPS = {"maxpool": "max_pool", "avgpool": "avg_pool"}


class PathBuilder:
    """Appends one layer after the other; `width` and `frames` are what leaves the last of them.

    `stride` is what all of them together stride by over height and width: the genotype's only once
    there is a layer that does. The order of the calls in `build` is the order of computation, of
    the variables and of the taps.
    """

    def __init__(
        self, genotype: BlockGenotype, name: str, repeat: int, in_width: int, in_frames: int
    ) -> None:
        self.genotype = genotype
        self.width, self.frames, self.stride = in_width, in_frames, 1
        self.has_temporal_turn = repeat % 2 == 0
        self.spatial_stride = genotype.spatial_stride if repeat == 0 else 1
        self.temporal_stride = genotype.temporal_stride if repeat == 0 else 1
        self.inverted = bool(genotype.inv_bottle and genotype.expand)
        self.expanded_width = max(genotype.filters * genotype.expand, genotype.filters)
        self.work_width = self.expanded_width if self.inverted else genotype.filters
        self.name = name
        self.scope = Scope(name)
        self.st_convs = self.scope.child("STConvs")
        self.layers = OrderedDict[str, nn.Module]()

    def build(self) -> nn.Sequential:
        """All layers, in order.

        Raises:
            InputError: a gate's width does not match what it would scale.
        """
        if self.inverted:
            scope = self.st_convs.child("Expand")
            self._conv("inverted_expand", scope, self.expanded_width, act="relu")
        self._spatial()
        self._temporal()
        if self.genotype.expand and not self.inverted:
            self._conv("expand", self.scope.child("Expand"), self.expanded_width)
        self._gates()
        if self.inverted:
            self._conv("project", self.scope, self.genotype.filters)
        return nn.Sequential(self.layers)

    def _spatial(self) -> None:
        """The spatial layer, which a kernel of 1 makes the identity, its stride ignored."""
        kind, kernel = self.genotype.spatial_type, self.genotype.spatial_kernel
        act = self.genotype.spatial_act
        if kernel == 1:
            return
        stride = self.stride = self.spatial_stride
        if kind in POOL_TAPS:
            pool = SpatialPool(kind, kernel, stride)
            self.layers["spatial"] = self.st_convs.tap(POOL_TAPS[kind], pool)
            return
        if kind in ("std", "depth"):
            self._conv("pointwise", self.st_convs, self.work_width, act=act)
        if kind == "depth":
            depthwise = DepthwiseConv2d(self.width, kernel, stride)
            self.layers["spatial"] = ConvNorm(self.st_convs, depthwise, self.width, act)
        else:
            self._conv("spatial", self.st_convs, self.work_width, kernel, stride, act)

    def _temporal(self) -> None:
        """The temporal layer: in every other repeat, and only while there is time to look at."""
        kind, kernel = self.genotype.temporal_type, self.genotype.temporal_kernel
        if not self.has_temporal_turn or self.frames == 1 or kernel == 1:
            return
        if kind in POOL_TAPS:
            pool = TemporalPool(kind, kernel, self.temporal_stride, self.frames)
            self.layers["temporal"] = self.st_convs.tap(f"temporal_{POOL_TAPS[kind]}", pool)
        else:
            conv = TemporalConv(
                self.width, self.work_width, kernel, self.temporal_stride, self.frames
            )
            self.width = self.work_width
            self.layers["temporal"] = ConvNorm(
                self.st_convs, conv, self.width, self.genotype.temporal_act
            )
        self.frames = same_output_size(self.frames, self.temporal_stride)

    def _gates(self) -> None:
        """Squeeze-and-excitation, then the context gate: both as wide as the expansion."""
        wide = self.expanded_width
        if self.genotype.squeeze > 0:
            squeezed = max(int(wide * self.genotype.squeeze), MINIMUM_SQUEEZE_WIDTH)
            self._gate("squeeze_excite", "SqueezeExcite", (wide, squeezed, wide))
        if self.genotype.context_gate:
            self._gate("context_gate", "ContextGate", (wide, wide))

    def _gate(self, key: str, scope: str, widths: tuple[int, ...]) -> None:
        if self.width != widths[0]:
            raise InputError(
                f"{self.name}: {scope} is {widths[0]} channels wide, but {self.width} are to be "
                "scaled; give the block an expansion or a convolution"
            )
        self.layers[key] = Gate(self.scope.child(scope), widths, self.frames)

    def _conv(
        self,
        key: str,
        scope: Scope,
        width: int,
        kernel: int = 1,
        stride: int = 1,
        act: str | None = None,
    ) -> None:
        conv = Conv2d(self.width, width, (kernel, kernel), (stride, stride))
        self.layers[key] = ConvNorm(scope, conv, width, act)
        self.width = width


class ConvNorm(nn.Sequential):
    """A convolution without bias, batch norm and, where `act` names one, an activation."""

    def __init__(self, scope: Scope, conv: nn.Module, width: int, act: str | None) -> None:
        # The original keeps depthwise weights as a bare variable; the tap still needs a name.
        base = "depthwise_conv2d" if isinstance(conv, DepthwiseConv2d) else "conv2d"
        layers = OrderedDict[str, nn.Module]()
        layers["conv"] = scope.tap(base, conv)
        layers["norm"] = scope.tap("batch_normalization", BatchNorm(width))
        if act is not None:
            layers["act"] = scope.tap(act, make_activation(act))
        super().__init__(layers)


class Gate(nn.Module):
    """Clip mean, 1x1 convolutions with ReLU between them, sigmoid; scales what came in.

    Two convolutions (`widths` in, between, out) make squeeze-and-excitation, one a context gate.
    """

    def __init__(self, scope: Scope, widths: tuple[int, ...], frames: int) -> None:
        super().__init__()
        self.mean = scope.tap("mean", ClipMean(frames))
        layers = OrderedDict[str, nn.Module]()
        for index, (in_width, out_width) in enumerate(pairwise(widths)):
            if index:
                layers["act"] = scope.tap("relu", nn.ReLU())
            conv = Conv2d(in_width, out_width, bias=True)
            layers[f"conv{index}"] = scope.tap("conv2d", conv)
        layers["sigmoid"] = scope.tap("sigmoid", nn.Sigmoid())
        self.layers = nn.Sequential(layers)
        self.scale = scope.tap("multiply", ClipScale(frames))

    def forward(self, x: Tensor) -> Tensor:
        """`[B*T, C, H, W]` to the same shape."""
        return self.scale(x, self.layers(self.mean(x)))
