"""Query, key and value in one matrix of a linear layer that is not torch's, as GPT-2 has it."""

import pytest
import torch
from keras import layers
from torch import Tensor, nn

from tests.verify.custom.recurrent.net_pair import NetPair, Wrong, keras_net, misjudged
from verify.custom import probe_input

FEATURES = probe_input((2, 5, 12))


class Turned(nn.Module):
    """A linear layer whose weight is `[in, out]`."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(inputs, outputs))
        self.bias = nn.Parameter(torch.zeros(outputs))

    def forward(self, x: Tensor) -> Tensor:
        return x @ self.weight + self.bias


class Other(Turned):
    """One with `[out, in]`."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__(outputs, inputs)
        self.bias = nn.Parameter(torch.zeros(outputs))

    def forward(self, x: Tensor) -> Tensor:
        return x @ self.weight.T + self.bias


class Attention(nn.Module):
    def __init__(
        self, kind: type[nn.Module], by_head: bool = False, scale: float = 0.5, heads: int = 3
    ) -> None:
        super().__init__()
        self.c_attn, self.c_proj = kind(12, 36), kind(12, 12)  # type: ignore[call-arg]
        self.by_head, self.scale, self.heads = by_head, scale, heads

    def forward(self, x: Tensor) -> tuple[Tensor, None]:
        y = self.c_attn(x)
        if self.by_head:
            y = y.unflatten(-1, (3, 3, 4)).transpose(-2, -3).flatten(-3)
        q, k, v = (x.unflatten(-1, (self.heads, -1)).transpose(1, 2) for x in y.chunk(3, -1))
        shares = (q @ k.mT * self.scale).softmax(-1)
        return self.c_proj((shares @ v).transpose(1, 2).flatten(2)), None


class Net(nn.Module):
    def __init__(self, attention: nn.Module) -> None:
        super().__init__()
        self.attention, self.classes = attention, nn.Linear(12, 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.classes(self.attention(x)[0])


def rolled(state: dict[str, Tensor]) -> None:
    for name in ("weight", "bias"):
        tensor = state[f"attention.c_attn.{name}"]
        tensor.copy_(tensor.roll(12, -1))


def of_kind(kind: type[nn.Module]) -> NetPair:
    return NetPair(
        keras_net(lambda x: layers.MultiHeadAttention(3, 4, name="attention")(x, x), (5, 12)),
        FEATURES,
        {
            "in blocks": lambda: Net(Attention(kind)),
            "head by head": lambda: Net(Attention(kind, by_head=True)),
        },
        {
            "no scale": Wrong(lambda: Net(Attention(kind, scale=1.0)), ("attention",), "the scale"),
            "heads": Wrong(lambda: Net(Attention(kind, heads=6)), ("attention",), "6 heads"),
        },
        ("attention",),
    )


PAIRS = {"[in, out]": of_kind(Turned), "[out, in]": of_kind(Other)}
PAIRS["[in, out]"].wrong["rolled"] = Wrong(  # type: ignore[index]
    lambda: Net(Attention(Turned)), ("attention",), "in the order value, query, key", rolled
)


@pytest.mark.parametrize("kind", PAIRS)
def test_all_three_are_found_in_one_matrix_however_it_lies(kind: str) -> None:
    assert misjudged(PAIRS[kind]) == []
