"""What the attentions of these tests stand in."""

from torch import Tensor, nn


class Net(nn.Module):
    """An attention over twelve features, and a classifier of each token behind it."""

    def __init__(self, attention: nn.Module) -> None:
        super().__init__()
        self.attention, self.classes = attention, nn.Linear(12, 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.classes(self.attention(x))
