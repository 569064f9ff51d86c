"""Repairs of recurrent layers: the order of gates, the second bias, direction, time and batch."""

from collections.abc import Callable, Iterator, Sequence
from itertools import permutations, product
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from verify.diagnosis.cause import Repair
from verify.diagnosis.fault import Plant, behaves, with_values
from verify.diagnosis.functions import ACTIVATIONS, Function
from verify.diagnosis.layer_view import LayerView
from verify.diagnosis.sources import sources_of
from verify.diagnosis.written_recurrence import Recurrence

# torch's names of gates, in its order.
GATES: dict[type[nn.Module], str] = {
    nn.LSTM: "ifgo",
    nn.GRU: "rzn",
    nn.LSTMCell: "ifgo",
    nn.GRUCell: "rzn",
}

# Activations that are tried together with other gates.
BOTH = ("no activation", "ReLU")


def recurrent_repairs(module: nn.RNNBase | nn.RNNCellBase) -> Iterator[Repair]:
    """The changes that may mend a recurrent module of torch's, or a cell."""
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
    if isinstance(module, nn.RNNCellBase):
        return
    if isinstance(module, nn.GRU) and module.bias:
        plant = behaves(Recurrence(reset_after=False))
        yield Repair("reset_after is True, not False", plant)
    yield from _activations(module)
    yield Repair("the initial state should be zeros", behaves(_from_zeros))
    if isinstance(module, nn.LSTM):
        yield Repair("h and c of the initial state are swapped", behaves(_with_swapped))
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


def _activations(module: nn.RNNBase) -> Iterator[Repair]:
    """Other functions than those that torch has fixed."""
    if module.proj_size:
        return
    gates: dict[str, Function] = {"sigmoid": torch.sigmoid}
    if isinstance(module, nn.LSTM | nn.GRU):
        gates |= {name: f for name, f in ACTIVATIONS.items() if name.startswith("hard sigmoid")}
    own = getattr(module, "nonlinearity", "tanh")
    for (gate, g), (name, f) in product(gates.items(), ACTIVATIONS.items()):
        wrong = ["sigmoid instead of {gate} in its gates"] * (gate != "sigmoid")
        wrong += [f"{own} instead of {name}"] * (name != "tanh")
        if wrong and (name == "tanh" or gate == "sigmoid" or name in BOTH):
            told = " and ".join(wrong).format(gate=gate)
            yield Repair(told, behaves(Recurrence(gate=g, activation=f)))


def _from_zeros(_: nn.Module, right: Callable[..., Any], x: Tensor, *states: Any) -> Any:
    return right(x)


def _with_swapped(_: nn.Module, right: Callable[..., Any], x: Tensor, states: Any = None) -> Any:
    return right(x, None if states is None else states[::-1])


@torch.no_grad()
def states_around(view: LayerView) -> Iterator[Repair]:
    """Other states that a recurrent module may have to begin with: those of others before it."""
    module = view.module
    if not isinstance(module, nn.RNNBase):
        return
    own: Sequence[Any] = view.args[1] if isinstance(module, nn.LSTM) and view.args[1:] else ()
    for source in reversed(sources_of(view)):
        if len(source.states) != (2 if isinstance(module, nn.LSTM) else 1):
            continue
        ways: dict[str, tuple[Tensor, ...]] = {}
        if own:
            h, c = source.states
            ways[f"state h of the initial state is not that of {source.name}"] = (h, own[1])
            ways[f"state c of the initial state is not that of {source.name}"] = (own[0], c)
        ways[f"the initial state is not that of {source.name}"] = source.states
        for name, states in ways.items():
            yield Repair(name, behaves(_beginning(states)))


def _beginning(states: tuple[Tensor, ...]) -> Callable[..., Any]:
    def beginning(_: nn.Module, right: Callable[..., Any], x: Tensor, *__: Any) -> Any:
        h, *c = (state.to(x.dtype) for state in states)
        return right(x, (h, *c) if c else h)

    return beginning


def masking(expected: np.ndarray, has_directions: bool) -> Repair | None:
    """Skip the steps at the end which the original skips: there its last output stays as it is.

    Args:
        expected: the original's sequence, `[n, t, c]`.
        has_directions: whether its second half was computed from the end on.
    """
    if expected.ndim != 3:
        return None
    forward = expected[..., : expected.shape[-1] // 2] if has_directions else expected
    changes = (np.diff(forward, axis=1) != 0).any(-1)
    lengths = 1 + (changes * np.arange(1, expected.shape[1])).max(1, initial=0)
    last = forward[np.arange(len(forward)), lengths - 1]
    holds = bool((last != 0).any())  # of two directions Keras puts zeros there
    if not holds:
        lengths = lengths - 1
    if (lengths == expected.shape[1]).all() or (lengths < 1).any():
        return None
    plant = behaves(_skipping(torch.tensor(lengths), holds))
    return Repair("a mask is ignored, by which the original skips steps", plant)


def _skipping(lengths: Tensor, holds: bool) -> Callable[..., Any]:
    def skipping(module: nn.RNNBase, right: Callable[..., Any], x: Tensor, *states: Any) -> Any:
        first = module.batch_first
        packed = nn.utils.rnn.pack_padded_sequence(x, lengths, first, enforce_sorted=False)
        y, last = right(packed, *states)
        y, _ = nn.utils.rnn.pad_packed_sequence(y, True, total_length=x.shape[1 if first else 0])
        if not holds:
            return (y if first else y.transpose(0, 1)), last
        ahead = y.shape[-1] // 2 if module.bidirectional else y.shape[-1]
        steps = torch.minimum(torch.arange(y.shape[1])[None], lengths[:, None] - 1)
        held = y[..., :ahead].gather(1, steps[..., None].expand(-1, -1, ahead))
        y = torch.cat([held, y[..., ahead:]], -1)
        return (y if first else y.transpose(0, 1)), last

    return skipping


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
