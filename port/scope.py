"""Names as TensorFlow's layers take them: a class name, made unique inside its variable scope."""

from collections import Counter
from typing import TypeVar

from torch import nn

AnyModule = TypeVar("AnyModule", bound=nn.Module)


class Scope:
    """A variable scope; `tap` names a module as the original names the layer in its place.

    The name of a module is its tap's name, and, for a layer with weights, what stands in front
    of its variables' names.
    """

    def __init__(self, name: str = "") -> None:
        self.name = name
        self._taken: Counter[str] = Counter()

    def child(self, name: str) -> "Scope":
        """The scope `name` inside this one."""
        return Scope(self._inside(name))

    def tap(self, base: str, module: AnyModule) -> AnyModule:
        """Give `module` the next free name of `base`: `conv2d`, then `conv2d_1`, and so on."""
        count = self._taken[base]
        self._taken[base] += 1
        module.tap_name = self._inside(f"{base}_{count}" if count else base)  # type: ignore[assignment]
        return module

    def _inside(self, name: str) -> str:
        return f"{self.name}/{name}" if self.name else name
