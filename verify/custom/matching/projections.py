"""Attention whose query, key and value come out of one linear layer, in blocks or head by head."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import permutations

import numpy as np
from torch import nn

from verify.custom.layouts.layout import Layout
from verify.custom.layouts.parts import WHOLE, Index, block
from verify.custom.matching.weights import Row, state_of

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
    linears = {
        name: inner
        for name, inner in module.named_modules()
        if isinstance(inner, nn.Linear) and name
    }
    if len(linears) != 2 or len(state_of(module)) != sum(
        len(inner.state_dict()) for inner in linears.values()
    ):
        return
    for fused, out in (tuple(linears), tuple(linears)[::-1]):
        for blocks in _blocks(named, variables):
            rows = list(_rows(fused, out, blocks, named, variables))
            if _fill(rows, module, linears[fused].out_features, variables):
                prefix = f"{path}." if path else ""
                yield [
                    Row(row.variable, f"{prefix}{row.key}", row.layout, row.of, row.to)
                    for row in rows
                ]


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
    fused: str,
    out: str,
    blocks: Sequence[_Block],
    named: Mapping[str, str],
    variables: Mapping[str, np.ndarray],
) -> Iterator[Row]:
    for name, head, start, stop in blocks:
        heads, size = variables[named[f"{name}/kernel"]].shape[1:]
        to = block(0, start, stop)
        for base, weight, lead in (("kernel", "weight", "d "), ("bias", "bias", "")):
            if f"{name}/{base}" not in named:
                continue
            if head is None:
                layout = Layout(f"{lead}h k -> (h k) {lead}".strip(), (("h", heads), ("k", size)))
                of = WHOLE
            else:
                layout = Layout(f"{lead}k -> k {lead}".strip())
                of = Index(f"[:, {head}]" if lead else f"[{head}]")
            yield Row(named[f"{name}/{base}"], f"{fused}.{weight}", layout, of, to)
    kernel = named[f"{OUTPUT_PROJECTION}/kernel"]
    sizes = tuple(zip("hk", variables[kernel].shape[:2], strict=True))
    yield Row(kernel, f"{out}.weight", Layout("h k d -> d (h k)", sizes))
    if (bias := named.get(f"{OUTPUT_PROJECTION}/bias")) is not None:
        yield Row(bias, f"{out}.bias", Layout("c -> c"))


def _fill(
    rows: Sequence[Row], module: nn.Module, width: int, variables: Mapping[str, np.ndarray]
) -> bool:
    """Do the rows' values fit the module's tensors, and fill them all?"""
    state = state_of(module)
    if {row.key for row in rows} != state.keys():
        return False
    if max(int(row.to.text[1:-1].split(":")[1]) for row in rows if row.to.text) != width:
        return False
    return all(tuple(row.to(state[row.key]).shape) == row.value(variables).shape for row in rows)
