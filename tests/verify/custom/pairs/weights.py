"""Dense layers, embeddings, and layers with one plain weight."""

import torch
from keras import layers
from torch import Tensor, nn
from torch.nn import functional as F

from tests.verify.custom.pairs.pair import Pair, Wrong

MEAN, VARIANCE = [0.5, -1.0, 2.0], [4.0, 0.25, 1.0]


class PReLU(nn.Module):
    """With a weight of any shape."""

    def __init__(self, *shape: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(shape))

    def forward(self, x: Tensor) -> Tensor:
        return torch.where(x > 0, x, self.weight * x)


class Scaled(nn.Module):
    """Times a number, and plus one."""

    def __init__(self, scale: float, offset: float) -> None:
        super().__init__()
        self.scale, self.offset = scale, offset

    def forward(self, x: Tensor) -> Tensor:
        return x * self.scale + self.offset


class Normalize(nn.Module):
    """With statistics that are buffers, behind the batch."""

    def __init__(self, mean: list[float], variance: list[float], by: str = "deviation") -> None:
        super().__init__()
        self.register_buffer("mean", torch.tensor(mean, dtype=torch.float64), persistent=False)
        self.register_buffer("var", torch.tensor(variance, dtype=torch.float64), persistent=False)
        self.by = by

    def forward(self, x: Tensor) -> Tensor:
        by = self.var.sqrt() if self.by == "deviation" else self.var
        return ((x.movedim(1, -1) - self.mean.to(x)) / by.to(x)).movedim(-1, 1)


class Einsum(nn.Module):
    """A weight in an equation."""

    def __init__(self, equation: str, *shape: int, bias: tuple[int, ...] = ()) -> None:
        super().__init__()
        self.equation, self.weight = equation, nn.Parameter(torch.zeros(shape))
        self.bias = nn.Parameter(torch.zeros(bias)) if bias else None

    def forward(self, x: Tensor) -> Tensor:
        y = torch.einsum(self.equation, x, self.weight)
        return y if self.bias is None else y + self.bias


class Heads(nn.Module):
    """A linear layer whose output is split in heads."""

    def __init__(self, heads: int, width: int) -> None:
        super().__init__()
        self.proj, self.heads = nn.Linear(6, heads * width), heads

    def forward(self, x: Tensor) -> Tensor:
        return self.proj(x).unflatten(-1, (self.heads, -1))


class Tied(nn.Module):
    """An embedding that projects back, too."""

    def __init__(self, scale: float = 1.0) -> None:
        super().__init__()
        self.embedding, self.scale = nn.Embedding(11, 6), scale

    def forward(self, tokens: Tensor) -> Tensor:
        return F.linear(self.embedding(tokens) * self.scale, self.embedding.weight)


class TiedLinear(nn.Module):
    """An embedding and a linear layer that have one tensor."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding, self.head = nn.Embedding(11, 6), nn.Linear(6, 11, bias=False)
        self.head.weight = self.embedding.weight

    def forward(self, tokens: Tensor) -> Tensor:
        return self.head(self.embedding(tokens))


class Positions(nn.Module):
    """Tokens and their places, each looked up."""

    def __init__(self, first: int = 0) -> None:
        super().__init__()
        self.tokens, self.positions, self.first = nn.Embedding(11, 6), nn.Embedding(8, 6), first

    def forward(self, tokens: Tensor) -> Tensor:
        places = torch.arange(tokens.shape[1]) + self.first
        return self.tokens(tokens) + self.positions(places)


class PositionsOf(layers.Layer):
    """In Keras."""

    def __init__(self, name: str) -> None:
        super().__init__(name=name)
        self.positions = layers.Embedding(8, 6, name="positions")

    def call(self, x: object) -> object:
        from keras import ops

        return x + self.positions(ops.arange(x.shape[1]))  # type: ignore[attr-defined, operator]


def tied(x: object) -> object:
    embedding = layers.ReversibleEmbedding(11, 6, name="layer")
    return embedding(embedding(x), reverse=True)


PAIRS = (
    Pair(
        "Dense",
        lambda x: layers.Dense(5, activation="gelu", name="layer")(x),
        (4, 6),
        {"nn.Linear, nn.GELU": lambda: nn.Sequential(nn.Linear(6, 5), nn.GELU())},
        {
            "tanh": Wrong(
                lambda: nn.Sequential(nn.Linear(6, 5), nn.GELU("tanh")),
                "GELU by tanh instead of erf",
            ),
            "no bias": Wrong(lambda: nn.Sequential(nn.Linear(6, 5, bias=False), nn.GELU()), None),
        },
        channels_last=True,
    ),
    Pair(
        "EinsumDense",
        lambda x: layers.EinsumDense("abc,cd->abd", (None, 5), bias_axes="d", name="layer")(x),
        (4, 6),
        {
            "nn.Linear": lambda: nn.Linear(6, 5),
            "torch.einsum": lambda: Einsum("nlc,cd->nld", 6, 5, bias=(5,)),
        },
        {
            "activated": Wrong(lambda: nn.Sequential(nn.Linear(6, 5), nn.Tanh()), None, "classes"),
        },
        channels_last=True,
    ),
    Pair(
        "EinsumDense",
        lambda x: layers.EinsumDense("abc,cde->abde", (None, 2, 5), bias_axes="de", name="layer")(
            x
        ),
        (4, 6),
        {
            "nn.Linear, unflatten": lambda: Heads(2, 5),
            "torch.einsum": lambda: Einsum("nlc,chd->nlhd", 6, 2, 5, bias=(2, 5)),
        },
        {},
        channels_last=True,
    ),
    Pair(
        "Embedding",
        lambda x: layers.Embedding(11, 6, name="layer")(x),
        (5,),
        {"nn.Embedding": lambda: nn.Embedding(11, 6)},
        {
            "normed": Wrong(lambda: nn.Embedding(11, 6, max_norm=0.5), None),
            "scaled": Wrong(
                lambda: nn.Sequential(nn.Embedding(11, 6), Scaled(2.0, 0.0)), None, "classes"
            ),
        },
        channels_last=True,
        tokens=11,
    ),
    Pair(
        "Embedding",
        lambda x: layers.Embedding(11, 6, mask_zero=True, name="layer")(x),
        (5,),
        {"nn.Embedding": lambda: nn.Embedding(11, 6)},
        channels_last=True,
        tokens=11,
    ),
    Pair(
        "Embedding",
        lambda x: PositionsOf("layer")(layers.Embedding(11, 6, name="tokens")(x)),
        (5,),
        {"two nn.Embedding": Positions},
        {"shifted": Wrong(lambda: Positions(1), None)},
        channels_last=True,
        tokens=11,
    ),
    Pair(
        "ReversibleEmbedding",
        tied,
        (5,),
        {"nn.Embedding, F.linear": Tied, "nn.Embedding, nn.Linear with its weight": TiedLinear},
        {"scaled": Wrong(lambda: Tied(0.5), None, "classes")},
        channels_last=True,
        tokens=11,
    ),
    Pair(
        "PReLU",
        lambda x: layers.PReLU(shared_axes=[1, 2], name="layer")(x),
        (3, 4, 3),
        {
            "nn.PReLU(channels)": lambda: nn.PReLU(3),
            "a parameter [c, 1, 1]": lambda: PReLU(3, 1, 1),
        },
        {
            "one slope": Wrong(lambda: nn.PReLU(1), None),
            "along rows": Wrong(lambda: PReLU(1, 3, 1), "the wrong axis"),
        },
    ),
    Pair(
        "PReLU",
        lambda x: layers.PReLU(name="layer")(x),
        (6,),
        {"nn.PReLU": lambda: nn.PReLU(6)},
        {"one slope": Wrong(lambda: nn.PReLU(1), None)},
        channels_last=True,
    ),
    Pair(
        "PReLU",
        lambda x: layers.PReLU(name="layer")(x),
        (3, 4, 5),
        {"a parameter [c, h, w]": lambda: PReLU(5, 3, 4)},
        {"shared": Wrong(lambda: nn.PReLU(5), None)},
    ),
    Pair(
        "Rescaling",
        lambda x: layers.Rescaling(1 / 255, 0.1, name="layer")(x),
        (4, 5, 3),
        {"a sum": lambda: Scaled(1 / 255, 0.1)},
        {
            "no offset": Wrong(lambda: Scaled(1 / 255, 0.0), "0.1 is not added"),
            "to one": Wrong(lambda: Scaled(1 / 127.5, -1.0), "should be 0.5 times that, plus"),
        },
    ),
    Pair(
        "Normalization",
        lambda x: layers.Normalization(mean=MEAN, variance=VARIANCE, name="layer")(x),
        (4, 5, 3),
        {"by hand": lambda: Normalize(MEAN, VARIANCE)},
        {
            "by the variance": Wrong(lambda: Normalize(MEAN, VARIANCE, "variance"), None),
        },
    ),
)
