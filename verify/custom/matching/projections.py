"""Attention whose query, key and value come out of one linear layer, in blocks or head by head.

The layer may be torch's, or anybody's with a weight and a bias: GPT-2 has `[in, out]` where torch
has `[out, in]`.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import permutations, product

import numpy as np
from torch import nn

from verify.custom.layouts.layout import Layout
from verify.custom.layouts.parts import WHOLE, Index, block
from verify.custom.matching.weights import Row, own_state, state_of

PROJECTIONS = ("query", "key", "value")
OUTPUT_PROJECTION = "attention_output"


def fused_rows(
    path: str, module: nn.Module, variables: Mapping[str, np.ndarray]
) -> Iterator[list[Row]]:
    """The ways in which the variables of one attention can be all tensors of a module.

    Args:
        path: of the module.
        module: two linear layers are inside, and nothing else that has weights.
        variables: by full names; none of other layers.
    """
    named = {"/".join(name.split("/")[-2:]): name for name in variables}
    names = {f"{layer}/kernel" for layer in (*PROJECTIONS, OUTPUT_PROJECTION)}
    if not names <= named.keys() <= names | {name.replace("kernel", "bias") for name in names}:
        return
    linears = _linears(module)
    if len(linears) != 2 or len(state_of(module)) != sum(
        len(own_state(inner)) for inner in linears.values()
    ):
        return
    prefix = f"{path}." if path else ""
    for fused, out in (tuple(linears), tuple(linears)[::-1]):
        ways = product(_ways(linears[fused]), _ways(linears[out]))
        for turned, out_turned in sorted(ways, key=lambda way: way[0] != way[1]):
            for blocks in _blocks(named, variables):
                rows = [
                    *_rows(_Place(fused, turned), blocks, named, variables),
                    *_output(_Place(out, out_turned), named, variables),
                ]
                if _fill(rows, module, linears[fused], turned, variables):
                    yield [replace(row, key=f"{prefix}{row.key}") for row in rows]


@dataclass(frozen=True, slots=True)
class _Place:
    """A linear layer; `turned`: its weight is `[in, out]`."""

    name: str
    turned: bool


def _linears(module: nn.Module) -> dict[str, nn.Module]:
    """The modules inside that have a matrix as their weight, and no more than a bias besides."""
    return {
        name: inner
        for name, inner in module.named_modules()
        if name
        and (own := own_state(inner)).keys() | {"bias"} == {"weight", "bias"}
        and own["weight"].ndim == 2
    }


def _ways(linear: nn.Module) -> tuple[bool, ...]:
    """Whether the weight may be `[in, out]`, what is likelier first."""
    return (False,) if isinstance(linear, nn.Linear) else (True, False)


# Of a projection: all heads, or one; and where it begins and ends among the outputs.
_Block = tuple[str, int | None, int, int]


def _blocks(
    named: Mapping[str, str], variables: Mapping[str, np.ndarray]
) -> Iterator[list[_Block]]:
    shapes = {name: variables[named[f"{name}/kernel"]].shape[1:] for name in PROJECTIONS}
    orders: Sequence[tuple[str, ...]] = list(permutations(PROJECTIONS))
    for order in orders:
        yield _laid([(name, None, int(np.prod(shapes[name]))) for name in order])
    heads = {shape[0] for shape in shapes.values()}
    if len(heads) == 1:
        for order in orders:
            pieces = [(name, head, shapes[name][1]) for head in range(*heads) for name in order]
            yield _laid(pieces)


def _laid(pieces: Sequence[tuple[str, int | None, int]]) -> list[_Block]:
    blocks, start = list[_Block](), 0
    for name, head, size in pieces:
        blocks.append((name, head, start, start + size))
        start += size
    return blocks


def _rows(
    fused: _Place,
    blocks: Sequence[_Block],
    named: Mapping[str, str],
    variables: Mapping[str, np.ndarray],
) -> Iterator[Row]:
    for name, head, start, stop in blocks:
        heads, size = variables[named[f"{name}/kernel"]].shape[1:]
        sizes = (("h", heads), ("k", size))
        right = "d {}" if fused.turned else "{} d"
        for base, weight, left, to_axes in (
            ("kernel", "weight", "d ", right),
            ("bias", "bias", "", "{}"),
        ):
            if f"{name}/{base}" not in named:
                continue
            to = block(int(bool(left) and fused.turned), start, stop)
            if head is None:
                layout = Layout(f"{left}h k -> {to_axes.format('(h k)')}", sizes)
                of = WHOLE
            else:
                layout = Layout(f"{left}k -> {to_axes.format('k')}")
                of = Index(f"[:, {head}]" if left else f"[{head}]")
            yield Row(named[f"{name}/{base}"], f"{fused.name}.{weight}", layout, of, to)


def _output(
    out: _Place, named: Mapping[str, str], variables: Mapping[str, np.ndarray]
) -> Iterator[Row]:
    kernel = named[f"{OUTPUT_PROJECTION}/kernel"]
    sizes = tuple(zip("hk", variables[kernel].shape[:2], strict=True))
    pattern = "h k d -> (h k) d" if out.turned else "h k d -> d (h k)"
    yield Row(kernel, f"{out.name}.weight", Layout(pattern, sizes))
    if (bias := named.get(f"{OUTPUT_PROJECTION}/bias")) is not None:
        yield Row(bias, f"{out.name}.bias", Layout("c -> c"))


def _fill(
    rows: Sequence[Row],
    module: nn.Module,
    fused: nn.Module,
    turned: bool,
    variables: Mapping[str, np.ndarray],
) -> bool:
    """Do the rows' values fit the module's tensors, and fill them all?"""
    state = state_of(module)
    if {row.key for row in rows} != state.keys():
        return False
    width = own_state(fused)["weight"].shape[int(turned)]
    ends = [int(row.to.text.strip("[]").split(":")[-1]) for row in rows if row.to.text]
    if max(ends) != width:
        return False
    return all(tuple(row.to(state[row.key]).shape) == row.value(variables).shape for row in rows)
