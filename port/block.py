"""One repeat of a block: its layers, the skip beside them, the activation behind both."""

from torch import Tensor, nn

from port.errors import InputError
from port.genotype import BlockGenotype
from port.layers import BatchNorm, Conv2d, make_activation
from port.path import PathBuilder
from port.scope import Scope


class Block(nn.Module):
    """`Block-{index}-{repeat}` of the original; its output is the tap of that name.

    Args:
        genotype: of the whole block.
        index: the block's place in the genotype.
        repeat: which of the block's repeats this is; strides only in repeat 0, a temporal layer
            only in even ones.
        in_width: channels that come in.
        in_frames: frames of a clip that come in.

    Raises:
        InputError: a gate's width does not match what it would scale.
    """

    def __init__(
        self, genotype: BlockGenotype, index: int, repeat: int, in_width: int, in_frames: int
    ) -> None:
        super().__init__()
        self.name = f"Block-{index}-{repeat}"
        builder = PathBuilder(genotype, self.name, repeat, in_width, in_frames)
        self.path = builder.build()
        self.in_frames, self.out_frames = in_frames, builder.frames
        self.out_width, self.stride = builder.width, builder.stride
        self.residual: Residual | None = None
        # The original compares batch * frames before and after: a temporal stride drops the skip.
        if genotype.skip and self.out_frames == in_frames:
            self.residual = Residual(
                builder.scope.child("Residual"), in_width, self.out_width, builder.stride
            )
        self.act = Scope().tap(self.name, make_activation(genotype.act))

    def forward(self, x: Tensor) -> Tensor:
        """`[B*T, C, H, W]` to `[B*T', C', H', W']`.

        Raises:
            InputError: the frames do not divide into clips, or the skip's size does not match.
        """
        if x.shape[0] % self.in_frames:
            raise InputError(
                f"{self.name}: {x.shape[0]} frames do not divide into clips of {self.in_frames}"
            )
        # What the skip reads is taken first, so that its gradient comes last: it is of another
        # memory format than the path's, and their sum is of that of the first to come.
        read = x if self.residual is None else self.residual.sample(x)
        y = self.path(x)
        return self.act(y if self.residual is None else self.residual(read, y))


class Residual(nn.Module):
    """The skip: always a projection, strided as the layers beside it are."""

    def __init__(self, scope: Scope, in_width: int, out_width: int, stride: int) -> None:
        super().__init__()
        self.name = scope.name
        self.sample = Sample(stride)
        self.conv = scope.tap("conv2d", Conv2d(in_width, out_width))
        self.norm = scope.tap("batch_normalization", BatchNorm(out_width))
        self.add = scope.tap("add", Add())

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        """What `sample` left of the block's input, projected, and its layers' output `y`, added."""
        skip = self.norm(self.conv(x))
        check_summands(self.name, skip, y)
        return self.add(skip, y)


def check_summands(name: str, skip: Tensor, y: Tensor) -> None:
    """Refuse what the original does not add up; it lets an axis of one pixel pass."""
    if any(a != b and 1 not in (a, b) for a, b in zip(skip.shape, y.shape, strict=True)):
        raise InputError(
            f"{name}: the skip is {skip.shape[-2]} x {skip.shape[-1]} pixels, "
            f"what it is added to {y.shape[-2]} x {y.shape[-1]}; feed another height or width"
        )


class Sample(nn.Module):
    """The pixels that a 1x1 convolution reads, strided only where that changes the width.

    The original looks at the width that the layers beside the skip left. `stride` is what they
    stride by, so all that they can leave as it was is a width of one pixel: then the height keeps
    its pixels too.
    """

    def __init__(self, stride: int) -> None:
        super().__init__()
        self.stride = stride

    def forward(self, x: Tensor) -> Tensor:
        """Every stride-th pixel of `x` `[N, C, H, W]`; all where the width is one pixel."""
        return x if x.shape[-1] == 1 else x[:, :, :: self.stride, :: self.stride]


class Add(nn.Module):
    """A sum, as a module so that it has a tap."""

    def forward(self, skip: Tensor, y: Tensor) -> Tensor:
        """Two tensors of one shape, or of shapes that broadcast."""
        return y + skip
