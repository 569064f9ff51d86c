"""Repairs of recurrent layers: the order of gates, the second bias, direction, time and batch."""

from collections.abc import Callable, Iterator
from itertools import permutations
from typing import Any

import torch
from torch import Tensor, nn

from verify.diagnosis.cause import Repair
from verify.diagnosis.fault import Plant, behaves, with_values

# torch's names of gates, in its order.
GATES: dict[type[nn.Module], str] = {nn.LSTM: "ifgo", nn.GRU: "rzn"}


def recurrent_repairs(module: nn.RNNBase) -> Iterator[Repair]:
    """The changes that may mend a recurrent module of torch's."""
    names = [name for name, _ in module.named_parameters()]
    letters = next((gates for kind, gates in GATES.items() if isinstance(module, kind)), "")
    for order in permutations(range(len(letters))):
        if order != tuple(range(len(letters))):
            had = "".join(letters[order.index(gate)] for gate in range(len(letters)))
            yield Repair(f"gates are in the order {had}, not {letters}", _reordered(names, order))
    recurrent = [name for name in names if name.startswith("weight_hh")]
    if len(letters) < 2:
        change = {name: _by(name, lambda w: w.T) for name in recurrent}
        yield Repair("recurrent kernel not transposed", with_values(**change))
    second = [name for name in names if name.startswith("bias_hh")]
    if second:
        pairs = [(name.replace("_hh", "_ih"), name) for name in second]
        yield Repair("the two biases are swapped", _swapped(pairs))
        change = {name: _by(name, torch.zeros_like) for name in second}
        yield Repair("second bias not zero", with_values(**change))
    if module.bidirectional:
        pairs = [(n.removesuffix("_reverse"), n) for n in names if n.endswith("_reverse")]
        yield Repair("the two directions are swapped", _swapped(pairs))
    yield Repair("reads time in the wrong direction", behaves(_backwards))
    name = f"batch_first is {module.batch_first}"
    yield Repair(name, with_values(batch_first=lambda m: not m.batch_first))
    if isinstance(module, nn.RNN):
        other = {"tanh": "relu", "relu": "tanh"}[module.nonlinearity]
        yield Repair(f"{module.nonlinearity} instead of {other}", _with_nonlinearity(other))


def _backwards(module: nn.RNNBase, right: Callable[..., Any], x: Tensor, *states: Any) -> Any:
    return right(x.flip(1 if module.batch_first and x.ndim == 3 else 0), *states)


def _with_nonlinearity(name: str) -> Plant:
    mode = f"RNN_{name.upper()}"
    return with_values(nonlinearity=lambda _: name, mode=lambda _: mode)


def _reordered(names: list[str], order: tuple[int, ...]) -> Plant:
    def reorder(tensor: Tensor) -> Tensor:
        blocks = tensor.chunk(len(order))
        return torch.cat([blocks[gate] for gate in order])

    return with_values(**{name: _by(name, reorder) for name in names})


def _swapped(pairs: list[tuple[str, str]]) -> Plant:
    both = [*pairs, *((other, one) for one, other in pairs)]
    return with_values(**{one: _by(other, lambda tensor: tensor) for one, other in both})


def _by(name: str, change: Callable[[Tensor], Tensor]) -> Callable[[nn.Module], Tensor]:
    return lambda module: change(getattr(module, name).detach())
