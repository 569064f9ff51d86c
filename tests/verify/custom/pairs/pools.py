"""Pools in one, two and three dimensions, and those of everything."""

from keras import layers
from torch import Tensor, nn
from torch.nn import functional as F

from tests.verify.custom.pairs.pair import Pair, Wrong


class Mean(nn.Module):
    """Over all axes behind the channels."""

    def __init__(self, keep: bool = False) -> None:
        super().__init__()
        self.keep = keep

    def forward(self, x: Tensor) -> Tensor:
        return x.mean(tuple(range(2, x.ndim)), keepdim=self.keep)


class PaddedPool(nn.Module):
    """A pool behind `F.pad`."""

    def __init__(self, pool: nn.Module, pads: tuple[int, ...], value: float = 0.0) -> None:
        super().__init__()
        self.pool, self.pads, self.value = pool, pads, value

    def forward(self, x: Tensor) -> Tensor:
        return self.pool(F.pad(x, self.pads, value=self.value))


LOWEST = float("-inf")

PAIRS = (
    Pair(
        "MaxPooling1D",
        lambda x: layers.MaxPooling1D(2, name="layer")(x),
        (9, 3),
        {"nn.MaxPool1d": lambda: nn.MaxPool1d(2)},
        {
            "average": Wrong(lambda: nn.AvgPool1d(2), "not the maximum"),
            "other stride": Wrong(lambda: nn.MaxPool1d(2, 1), "stride 1 instead of 2"),
            "ceil_mode": Wrong(lambda: nn.MaxPool1d(2, ceil_mode=True), "ceil_mode is True"),
        },
    ),
    Pair(
        "MaxPooling2D",
        lambda x: layers.MaxPooling2D(2, name="layer")(x),
        (8, 7, 3),
        {"nn.MaxPool2d": lambda: nn.MaxPool2d(2)},
        {
            "average": Wrong(lambda: nn.AvgPool2d(2), "not the maximum"),
            "other stride": Wrong(lambda: nn.MaxPool2d(2, 1), "stride 1 instead of 2"),
            "ceil_mode": Wrong(lambda: nn.MaxPool2d(2, ceil_mode=True), "ceil_mode is True"),
        },
    ),
    Pair(
        "MaxPooling2D",
        lambda x: layers.MaxPooling2D(3, 2, padding="same", name="layer")(x),
        (8, 7, 3),
        {
            "F.pad, nn.MaxPool2d": lambda: PaddedPool(nn.MaxPool2d(3, 2), (1, 1, 0, 1), LOWEST),
            "nn.ConstantPad2d, nn.MaxPool2d": lambda: nn.Sequential(
                nn.ConstantPad2d((1, 1, 0, 1), LOWEST), nn.MaxPool2d(3, 2)
            ),
        },
        {
            "symmetric": Wrong(lambda: nn.MaxPool2d(3, 2, padding=1), "padding is not SAME"),
            "zeros": Wrong(
                lambda: PaddedPool(nn.MaxPool2d(3, 2), (1, 1, 0, 1)), "padded with zeros"
            ),
            "dilated": Wrong(
                lambda: nn.MaxPool2d(3, 2, padding=1, dilation=2), "dilation 2 instead of 1"
            ),
        },
    ),
    Pair(
        "MaxPooling2D",
        lambda x: layers.MaxPooling2D(2, padding="same", name="layer")(x),
        (8, 7, 3),
        {"nn.MaxPool2d(ceil_mode=True)": lambda: nn.MaxPool2d(2, ceil_mode=True)},
        {"floor": Wrong(lambda: nn.MaxPool2d(2), "ceil_mode is False")},
    ),
    Pair(
        "MaxPooling3D",
        lambda x: layers.MaxPooling3D(2, name="layer")(x),
        (4, 6, 5, 3),
        {"nn.MaxPool3d": lambda: nn.MaxPool3d(2)},
        {
            "average": Wrong(lambda: nn.AvgPool3d(2), "not the maximum"),
            "time kept": Wrong(lambda: nn.MaxPool3d((1, 2, 2)), "kernel 1, 2, 2 instead of 2"),
        },
    ),
    Pair(
        "AveragePooling1D",
        lambda x: layers.AveragePooling1D(3, 2, padding="same", name="layer")(x),
        (9, 3),
        {"nn.AvgPool1d": lambda: nn.AvgPool1d(3, 2, padding=1, count_include_pad=False)},
        {
            "counted": Wrong(lambda: nn.AvgPool1d(3, 2, padding=1), "count_include_pad is True"),
            "maximum": Wrong(lambda: nn.MaxPool1d(3, 2, padding=1), "not the average"),
        },
    ),
    Pair(
        "AveragePooling2D",
        lambda x: layers.AveragePooling2D(3, 1, padding="same", name="layer")(x),
        (8, 7, 3),
        {"nn.AvgPool2d": lambda: nn.AvgPool2d(3, 1, padding=1, count_include_pad=False)},
        {
            "counted": Wrong(lambda: nn.AvgPool2d(3, 1, padding=1), "count_include_pad is True"),
            "maximum": Wrong(lambda: nn.MaxPool2d(3, 1, padding=1), "not the average"),
            "divided otherwise": Wrong(
                lambda: nn.AvgPool2d(3, 1, 1, count_include_pad=False, divisor_override=4),
                "divisor_override is 4",
            ),
        },
    ),
    Pair(
        "AveragePooling2D",
        lambda x: layers.AveragePooling2D(2, padding="same", name="layer")(x),
        (8, 7, 3),
        {"nn.AvgPool2d(ceil_mode=True)": lambda: nn.AvgPool2d(2, ceil_mode=True)},
        {"floor": Wrong(lambda: nn.AvgPool2d(2), "ceil_mode is False")},
    ),
    Pair(
        "AveragePooling3D",
        lambda x: layers.AveragePooling3D(3, 2, padding="same", name="layer")(x),
        (5, 7, 5, 3),
        {"nn.AvgPool3d": lambda: nn.AvgPool3d(3, 2, padding=1, count_include_pad=False)},
        {
            "counted": Wrong(lambda: nn.AvgPool3d(3, 2, padding=1), "count_include_pad is True"),
            "maximum": Wrong(lambda: nn.MaxPool3d(3, 2, padding=1), "not the average"),
        },
    ),
    *(
        Pair(
            f"Global{kind}Pooling{dims}D",
            lambda x, make=make: make(name="layer")(x),
            (*(4, 6, 5)[:dims], 3),
            right,
            {"the other": wrong},
        )
        for dims in (1, 2, 3)
        for kind, make, right, wrong in (
            (
                "Average",
                getattr(layers, f"GlobalAveragePooling{dims}D"),
                {
                    f"nn.AdaptiveAvgPool{dims}d, nn.Flatten": lambda dims=dims: nn.Sequential(
                        getattr(nn, f"AdaptiveAvgPool{dims}d")(1), nn.Flatten()
                    ),
                    "mean": Mean,
                },
                Wrong(
                    lambda dims=dims: nn.Sequential(
                        getattr(nn, f"AdaptiveMaxPool{dims}d")(1), nn.Flatten()
                    ),
                    "not the average",
                ),
            ),
            (
                "Max",
                getattr(layers, f"GlobalMaxPooling{dims}D"),
                {
                    f"nn.AdaptiveMaxPool{dims}d, nn.Flatten": lambda dims=dims: nn.Sequential(
                        getattr(nn, f"AdaptiveMaxPool{dims}d")(1), nn.Flatten()
                    ),
                },
                Wrong(Mean, "not the maximum"),
            ),
        )
    ),
    *(
        Pair(
            f"Adaptive{kind}Pooling{dims}D",
            lambda x, name=f"Adaptive{kind}Pooling{dims}D": getattr(layers, name)(2, name="layer")(
                x
            ),
            (*(4, 6, 5)[:dims], 3),
            {
                f"nn.Adaptive{short}Pool{dims}d": lambda dims=dims, short=short: getattr(
                    nn, f"Adaptive{short}Pool{dims}d"
                )(2)
            },
            {
                "the other": Wrong(
                    lambda dims=dims, other=other: getattr(nn, f"Adaptive{other}Pool{dims}d")(2),
                    f"not the {right}",
                )
            },
        )
        for dims in (1, 2, 3)
        for kind, short, other, right in (
            ("Average", "Avg", "Max", "average"),
            ("Max", "Max", "Avg", "maximum"),
        )
        if hasattr(layers, f"Adaptive{kind}Pooling{dims}D")
    ),
)
