"""Repairs of recurrent layers: the order of gates, the second bias, direction, time and batch."""

from collections.abc import Callable, Iterator
from itertools import permutations
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from verify.diagnosis.cause import Repair
from verify.diagnosis.fault import Plant, behaves, with_values

# torch's names of gates, in its order.
GATES: dict[type[nn.Module], str] = {
    nn.LSTM: "ifgo",
    nn.GRU: "rzn",
    nn.LSTMCell: "ifgo",
    nn.GRUCell: "rzn",
}


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
        yield Repair("reset_after is True, not False", behaves(_resetting_before))
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
    steps = np.arange(1, expected.shape[1])
    lengths = torch.tensor(1 + (changes * steps).max(1, initial=0))
    if (lengths == expected.shape[1]).all():
        return None
    return Repair(
        "a mask is ignored, by which the original skips steps", behaves(_skipping(lengths))
    )


def _skipping(lengths: Tensor) -> Callable[..., Any]:
    def skipping(module: nn.RNNBase, right: Callable[..., Any], x: Tensor, *states: Any) -> Any:
        first = module.batch_first
        packed = nn.utils.rnn.pack_padded_sequence(x, lengths, first, enforce_sorted=False)
        y, last = right(packed, *states)
        y, _ = nn.utils.rnn.pad_packed_sequence(y, True, total_length=x.shape[1 if first else 0])
        ahead = y.shape[-1] // 2 if module.bidirectional else y.shape[-1]
        steps = torch.minimum(torch.arange(y.shape[1])[None], lengths[:, None] - 1)
        held = y[..., :ahead].gather(1, steps[..., None].expand(-1, -1, ahead))
        y = torch.cat([held, y[..., ahead:]], -1)
        return (y if first else y.transpose(0, 1)), last

    return skipping


def _resetting_before(module: nn.GRU, right: Callable[..., Any], x: Tensor, h: Any = None) -> Any:
    """With the reset gate applied to the state before it is multiplied."""
    x = x if module.batch_first else x.transpose(0, 1)
    directions = ("", "_reverse") if module.bidirectional else ("",)
    for layer in range(module.num_layers):
        parts = []
        for number, end in enumerate(directions):
            start = x.new_zeros(len(x), module.hidden_size)
            if h is not None:
                start = h[layer * len(directions) + number]
            steps = _steps(module, f"l{layer}{end}", x.flip(1) if end else x, start)
            parts.append(steps.flip(1) if end else steps)
        x = torch.cat(parts, -1)
    return (x if module.batch_first else x.transpose(0, 1)), x[:, -1][None]


def _steps(module: nn.GRU, end: str, x: Tensor, h: Tensor) -> Tensor:
    weights = (getattr(module, f"{name}_{end}") for name in ("weight_ih", "weight_hh"))
    of_x, of_h = weights
    bias = getattr(module, f"bias_ih_{end}") + getattr(module, f"bias_hh_{end}")
    both, new = of_h.split([2 * module.hidden_size, module.hidden_size])
    outputs = []
    for step in F.linear(x, of_x, bias).unbind(1):
        r_x, z_x, n_x = step.chunk(3, -1)
        r_h, z_h = F.linear(h, both).chunk(2, -1)
        r, z = (r_x + r_h).sigmoid(), (z_x + z_h).sigmoid()
        h = z * h + (1 - z) * (n_x + F.linear(r * h, new)).tanh()
        outputs.append(h)
    return torch.stack(outputs, 1)


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
