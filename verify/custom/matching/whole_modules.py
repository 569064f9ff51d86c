"""Torch modules that are several layers of an original in one, or hold its variables in blocks.

Torch stacks the gates of recurrent layers, and adds two biases where Keras may have one; both
directions and all layers of a stack are one module. Its attention packs three projections.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np
from torch import nn

from port.errors import InputError
from verify.custom.layouts.layout import Layout
from verify.custom.layouts.parts import WHOLE, Index, block
from verify.custom.matching.weights import Row, empty, homeless, matches, own_state, state_of
from verify.custom.module.compiled import kind_of
from verify.custom.originals.original import Call

# Which of the original's gates lies at each place of torch's: of an LSTM i, f, c, o on both sides;
# of a GRU z, r, h there and r, z, n here.
GATES: Mapping[type[nn.Module], tuple[int, ...]] = {
    nn.LSTM: (0, 1, 2, 3),
    nn.GRU: (1, 0, 2),
    nn.RNN: (0,),
}
MATRIX, VECTOR = Layout("i o -> o i"), Layout("c -> c")
PROJECTIONS = ("query", "key", "value")
# The variables of one layer, by their own names; those of several, by the layers' paths.
Variables = Mapping[str, np.ndarray]
Layers = Mapping[str, Variables]


def is_whole(module: nn.Module) -> bool:
    """Is it a module whose counterpart is a layer with all that is inside of it?"""
    if isinstance(module, nn.MultiheadAttention):
        return True
    return issubclass(kind_of(module), tuple(GATES)) and "weight_hh_l0" in own_state(module)


def depth(module: nn.Module) -> int:
    """How many layers, one behind the other, a module is."""
    return (
        sum(name.startswith("weight_hh_l") for name in own_state(module))
        // len(_directions(module))
        if _is_recurrent(module)
        else 1
    )


def _is_recurrent(module: nn.Module) -> bool:
    """Or was it, before it was compiled?"""
    return issubclass(kind_of(module), nn.RNNBase)


def _directions(module: nn.Module) -> tuple[str, ...]:
    both = "weight_hh_l0_reverse" in own_state(module)
    return ("", "_reverse") if both else ("",)


def stacked(calls: Sequence[Call], depth: int) -> Iterator[Call]:
    """Each call, as one with those in front of it, of which each reads what the one before did."""
    for last in calls:
        chain = [last]
        while len(chain) < depth:
            before = [call for call in calls if call.variables and chain[0].reads_from(call)]
            if not before:
                break
            chain.insert(0, before[0])
        if len(chain) == depth:
            variables = tuple(name for call in chain for name in call.variables)
            yield replace(last, variables=variables, reads=chain[0].reads)


def whole_rows(
    path: str, module: nn.Module, variables: Variables, port_only: Iterable[str] = ()
) -> Iterator[list[Row]]:
    """The way in which variables can be those of such a module; none if shapes forbid it.

    Args:
        path: of the module.
        module: with all that is inside.
        variables: by full names, in the order of the layers.
        port_only: patterns of tensors that may be without a variable.
    """
    layers: dict[str, dict[str, np.ndarray]] = {}
    for name, value in variables.items():
        layer, _, base = name.rpartition("/")
        layers.setdefault(layer, {})[base] = value
    prefix = f"{path}." if path else ""
    try:
        rows = [*_recurrent(module, layers), *_attention(module, layers)]
        if not rows or not all(_fits(row, module, variables) for row in rows):
            return
    except (InputError, KeyError):  # a variable has no such block, or a tensor is not there
        return
    unfilled = [key for key in empty(rows, module) if not matches(f"{prefix}{key}", port_only)]
    if not unfilled and not homeless(rows, variables):
        yield [_inside(row, prefix) for row in rows]


def _recurrent(module: nn.Module, layers: Layers) -> Iterator[Row]:
    """Layer by layer, of each the direction that is torch's own, then the other."""
    if not _is_recurrent(module):
        return
    directions, size = _directions(module), state_of(module)["weight_hh_l0"].shape[1]
    ends = [f"l{layer}{end}" for layer in range(depth(module)) for end in directions]
    gates = next(gates for kind, gates in GATES.items() if issubclass(kind_of(module), kind))
    if len(ends) != len(layers):
        return
    for end, (layer, variables) in zip(ends, layers.items(), strict=True):
        for of, to in _gates(gates, 1, size):
            yield Row(f"{layer}/kernel", f"weight_ih_{end}", MATRIX, of, to)
            yield Row(f"{layer}/recurrent_kernel", f"weight_hh_{end}", MATRIX, of, to)
        bias, first, second = f"{layer}/bias", f"bias_ih_{end}", f"bias_hh_{end}"
        match variables.get("bias", np.empty(())).ndim:
            case 1:  # a sum in torch, in which it does not matter what is whose
                for of, to in _gates(gates, 0, size):
                    yield Row(bias, first, VECTOR, of, to, (second,))
            case 2:
                for index, key in enumerate((first, second)):
                    for of, to in _gates(gates, 0, size, f"{index}, "):
                        yield Row(bias, key, VECTOR, of, to)


def _gates(
    gates: tuple[int, ...], axis: int, size: int, before: str = ""
) -> Iterator[tuple[Index, Index]]:
    """The block of each gate there and here; one for all of them, if their order is the same."""
    if gates == tuple(range(len(gates))):
        gates, size = (0,), size * len(gates)
        if not before:
            yield WHOLE, WHOLE
            return
    for place, gate in enumerate(gates):
        of = block(axis, gate * size, (gate + 1) * size)
        yield Index(of.text.replace("[", f"[{before}")), block(0, place * size, (place + 1) * size)


def _attention(module: nn.Module, layers: Layers) -> Iterator[Row]:
    """Three projections in one matrix, and that of the output."""
    if not isinstance(module, nn.MultiheadAttention):
        return
    size = module.embed_dim
    by_name = {layer.rpartition("/")[2]: (layer, parts) for layer, parts in layers.items()}
    for place, name in enumerate(PROJECTIONS):
        layer, parts = by_name[name]
        to = block(0, place * size, (place + 1) * size)
        packed = module.in_proj_weight is not None
        key, part = ("in_proj_weight", to) if packed else (f"{name[0]}_proj_weight", WHOLE)
        yield _split_by_head(layer, "kernel", "d h k -> (h k) d", parts, key, part)
        if "bias" in parts:
            yield _split_by_head(layer, "bias", "h k -> (h k)", parts, "in_proj_bias", to)
    layer, parts = by_name["attention_output"]
    yield _split_by_head(layer, "kernel", "h k d -> d (h k)", parts, "out_proj.weight", WHOLE)
    if "bias" in parts:
        yield Row(f"{layer}/bias", "out_proj.bias", VECTOR)


def _split_by_head(
    layer: str, base: str, pattern: str, parts: Variables, key: str, to: Index
) -> Row:
    """With the sizes of the two axes that torch merges."""
    left = pattern.split("->")[0].split()
    sizes = dict(zip(left, parts[base].shape, strict=True))
    merged = tuple((axis, sizes[axis]) for axis in left if axis in "hk")
    return Row(f"{layer}/{base}", key, Layout(pattern, merged), WHOLE, to)


def _fits(row: Row, module: nn.Module, variables: Variables) -> bool:
    state, shape = state_of(module), row.value(variables).shape
    return all(tuple(row.to(state[key]).shape) == shape for key in (row.key, *row.addends))


def _inside(row: Row, prefix: str) -> Row:
    addends = tuple(f"{prefix}{key}" for key in row.addends)
    return Row(row.variable, f"{prefix}{row.key}", row.layout, row.of, row.to, addends)
