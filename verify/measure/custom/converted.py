"""Mistakes in a conversion: the right state dict of a port with one thing wrong in it."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import permutations

import torch
from torch import Tensor, nn

State = dict[str, Tensor]
SAME_SHAPE_AHEAD = 2  # of tensors of one shape, each is exchanged with so many that follow


@dataclass(frozen=True, slots=True)
class WrongWeights:
    """What is wrong in a state dict, and words that name it in a diagnosis."""

    name: str
    family: str
    words: tuple[str, ...]
    change: Callable[[State], State]

    @property
    def path(self) -> str:
        """Of the module that has the tensor, or the first of two."""
        return self.name.partition(":")[0].partition(" ")[0].rpartition(".")[0]


def wrong_weights(net: nn.Module) -> Iterator[WrongWeights]:
    """Every mistake, module by module."""
    for path, module in net.named_modules():
        prefix = f"{path}." if path else ""
        own = dict(module.named_parameters(recurse=False))
        if isinstance(module, nn.RNNBase):
            yield from _recurrent(prefix, module)
        elif isinstance(module, nn.MultiheadAttention):
            yield from _attention(prefix, module)
        elif getattr(module, "running_var", None) is not None:
            yield from _statistics(prefix)
        for name, tensor in own.items():
            yield from _tensor(f"{prefix}{name}", tensor, module)
    yield from _exchanged(net)


def _tensor(key: str, tensor: Tensor, module: nn.Module) -> Iterator[WrongWeights]:
    words = ("value", "bias", "weight")
    if tensor.ndim >= 3 and "weight" in key:
        kernel = ("kernel",)
        if tensor.ndim == 4 and tensor.shape[2] == tensor.shape[3] > 1:
            yield _changed(key, "height and width swapped", lambda w: w.transpose(2, 3), kernel)
        if tensor.shape[-1] > 1:
            yield _changed(key, "mirrored", lambda w: w.flip(-1), kernel)
        if tensor.ndim == 4 and max(tensor.shape[2:]) > 1:
            yield _changed(key, "flipped", lambda w: w.flip(2, 3), kernel)
        if tensor.shape[0] == tensor.shape[1] > 1:
            yield _changed(key, "inputs and outputs swapped", lambda w: w.transpose(0, 1), kernel)
        yield _changed(key, "read in TensorFlow's order", _tensorflows, kernel)
        yield _changed(key, "outputs rolled", lambda w: w.roll(1, 0), ("channels rolled",))
    elif tensor.ndim == 2 and isinstance(module, nn.Embedding):
        yield _changed(key, "rows rolled", lambda w: w.roll(1, 0), ("token", "shift", "rolled"))
    elif tensor.ndim == 2:
        if tensor.shape[0] == tensor.shape[1]:
            yield _changed(key, "transposed", lambda w: w.T, ("transposed",))
        order = ("transposed", "order")
        yield _changed(key, "read in TensorFlow's order", lambda w: w.T.reshape(w.shape), order)
        yield _changed(key, "outputs rolled", lambda w: w.roll(1, 0), ("rolled",))
    else:
        yield _changed(key, "left at zero", torch.zeros_like, words)
    yield _changed(key, "rounded to half", lambda w: w.half().to(w.dtype), ("precision", "round"))
    yield _changed(key, "the last number off", _one_off, words)


def _tensorflows(w: Tensor) -> Tensor:
    """A kernel's memory as Keras has it, taken for torch's."""
    return w.movedim((1, 0), (-2, -1)).reshape(w.shape)


def _one_off(w: Tensor) -> Tensor:
    w = w.clone()
    w.view(-1)[-1] += 0.1
    return w


def _statistics(prefix: str) -> Iterator[WrongWeights]:
    mean, variance = f"{prefix}running_mean", f"{prefix}running_var"
    gamma, beta = f"{prefix}weight", f"{prefix}bias"
    yield _swap(mean, variance, "mean and variance swapped", ("mean and variance",))
    yield _swap(gamma, beta, "gamma and beta swapped", ("gamma and beta",))
    yield _changed(variance, "deviation", torch.sqrt, ("deviation",), "norms")
    yield _changed(variance, "squared", torch.square, ("deviation",), "norms")
    yield _changed(mean, "left at zero", torch.zeros_like, ("mean", "bias"), "norms")
    yield _changed(variance, "left at one", torch.ones_like, ("variance", "statistics"), "norms")
    yield _changed(gamma, "left at one", torch.ones_like, ("gamma",), "norms")


def _recurrent(prefix: str, module: nn.RNNBase) -> Iterator[WrongWeights]:
    count = {nn.LSTM: 4, nn.GRU: 3}.get(type(module), 1)
    names = [name for name, _ in module.named_parameters(recurse=False)]
    keys = [f"{prefix}{name}" for name in names]
    for order in permutations(range(count)):
        if order != tuple(range(count)):
            change = partial(_reordered, keys, order)
            yield WrongWeights(f"{prefix}gates {order}", "recurrent", ("gates",), change)
    for key in keys:
        if "bias_ih" in key:
            second = key.replace("_ih", "_hh")
            yield _swap(key, second, "biases swapped", ("biases",), "recurrent")
            twice = partial(_copied, key, second)
            yield WrongWeights(f"{key}: the bias twice", "recurrent", ("second bias",), twice)
    if module.bidirectional:
        pairs = {k: f"{k}_reverse" for k in keys if not k.endswith("_reverse")}
        both = pairs | {b: a for a, b in pairs.items()}
        yield WrongWeights(
            f"{prefix}directions swapped",
            "recurrent",
            ("directions",),
            lambda s: s | {a: s[b] for a, b in both.items()},
        )


def _reordered(keys: Sequence[str], order: tuple[int, ...], state: State) -> State:
    """The blocks of some tensors, gates or projections, in another order."""
    blocks = {key: state[key].chunk(len(order)) for key in keys}
    return state | {key: torch.cat([these[g] for g in order]) for key, these in blocks.items()}


def _copied(key: str, to: str, state: State) -> State:
    return state | {to: state[key].clone()}


def _attention(prefix: str, module: nn.MultiheadAttention) -> Iterator[WrongWeights]:
    keys = [f"{prefix}in_proj_weight", f"{prefix}in_proj_bias"]
    for order, words in (
        ((1, 0, 2), ("query and key", "query", "order")),
        ((0, 2, 1), ("key and value", "value", "order")),
        ((2, 1, 0), ("value", "query", "order")),
    ):
        name = f"{prefix}query, key, value in the order {order}"
        yield WrongWeights(name, "attention", words, partial(_reordered, keys, order))
    heads, width = module.num_heads, module.head_dim
    yield _changed(
        f"{prefix}in_proj_weight",
        "heads interleaved",
        lambda w: w.view(3, heads, width, -1).transpose(1, 2).reshape(w.shape),
        ("head",),
        "attention",
    )


def _exchanged(net: nn.Module) -> Iterator[WrongWeights]:
    """Tensors of one shape and one name, of two modules, in each other's place."""
    groups: dict[tuple[str, tuple[int, ...]], list[str]] = {}
    for key, tensor in net.state_dict().items():
        if tensor.ndim:
            groups.setdefault((key.rpartition(".")[2], tuple(tensor.shape)), []).append(key)
    words = ("swapped", "exchanged", "weights of", "value")
    for keys in groups.values():
        for distance in range(1, SAME_SHAPE_AHEAD + 1):
            for one, two in zip(keys, keys[distance:], strict=False):
                yield _swap(one, two, "exchanged", words)


def _changed(
    key: str,
    name: str,
    change: Callable[[Tensor], Tensor],
    words: tuple[str, ...],
    family: str = "weights",
) -> WrongWeights:
    return WrongWeights(
        f"{key}: {name}", family, words, lambda s: s | {key: change(s[key]).clone().contiguous()}
    )


def _swap(
    one: str, two: str, name: str, words: tuple[str, ...], family: str = "weights"
) -> WrongWeights:
    return WrongWeights(
        f"{one} and {two}: {name}",
        family,
        words,
        lambda s: s | {one: s[two].clone(), two: s[one].clone()},
    )
