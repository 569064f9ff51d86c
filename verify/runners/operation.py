"""A call of a function of torch's that stands for a layer, though it is no module."""

from collections.abc import Callable, Iterator
from typing import Any

from torch import Tensor, nn

# What an operation is called that was forgotten: it hands on what it reads.
NOTHING = "nothing"


def _nothing(x: Tensor) -> Tensor:
    return x


class Operation(nn.Module):
    """A call of a function, so that it can be watched, and mended, as a module can.

    Attributes:
        place: where it is.
        called: the function's name, such as `relu`; `nothing`, of what was forgotten.
    """

    def __init__(self, place: str, called: str = NOTHING) -> None:
        super().__init__()
        self.place, self.called = place, called
        self.function: Callable[..., Any] = _nothing

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """What the function returns."""
        return self.function(*args, **kwargs)


def tensors_in(*values: Any) -> Iterator[Tensor]:
    """The tensors among arguments, in tuples, lists and dictionaries too."""
    for value in values:
        if isinstance(value, Tensor):
            yield value
        elif isinstance(value, tuple | list):
            yield from tensors_in(*value)
        elif isinstance(value, dict):
            yield from tensors_in(*value.values())
