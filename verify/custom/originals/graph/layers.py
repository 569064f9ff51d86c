"""Finding the layers of a frozen TensorFlow graph."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import takewhile
from typing import Any

from verify.custom.originals.graph.control_flow import in_order
from verify.custom.originals.graph.pieces import Piece, Pieces
from verify.custom.originals.original import RETURNED

# They hand on what they read.
TRANSPARENT = {"Identity", "Placeholder", "NoOp", "StopGradient", "PreventGradient"}
# Functions that were inlined leave this in front of names.
INLINED = "StatefulPartitionedCall/"
# They make one tensor of what a loop has listed, step by step.
OF_LISTS = {"TensorListStack", "TensorListConcatV2", "TensorArrayGatherV3", "TensorArrayConcatV3"}
# They take steps of a sequence, or turn it; and they make one of two directions.
REARRANGES = {"Transpose", "ReverseV2", "StridedSlice", "Squeeze", "Reshape", "Identity"}
ADDS = {"BiasAdd", "AddV2", "Add"}
MERGES = {"ConcatV2", "AddV2", "AddN", "Mul"}


@dataclass
class GraphLayer:
    """Operations that belong together: the tensor of the last, what the first reads, by name.

    `states`: of a loop, the tensors of numbers that it puts out; those among them that are the last
    step of its sequence are known once it has run, as `ends`. `inside` are the variables of two
    loops whose sequences it merges.
    """

    name: str
    tensor: str
    variables: tuple[str, ...]
    reads: tuple[str, ...]
    is_loop: bool = False
    states: tuple[str, ...] = ()
    ends: tuple[str, ...] = ()
    inside: tuple[str, ...] = ()


def layers_of(
    graph: Any, inputs: Sequence[str], outputs: Sequence[str], constants: Mapping[str, str]
) -> dict[str, GraphLayer]:
    """The layers by name, in the order of computation.

    An operation that reads variables belongs to the layer of their scope, if it reads what that
    layer's operation in front of it computed; `name#2` is a layer's second use. A loop or a branch
    is one layer, whose output is the sequence, if it makes one. What no output needs is left out.

    Args:
        graph: frozen.
        inputs: the names of its placeholders.
        outputs: the names of the tensors that it puts out.
        constants: by a variable's name, the name of the constant.
    """
    finder = _Finder(Pieces(graph, outputs), inputs, constants)
    return _numbered(finder.layers)


class _Finder:
    """Goes through the pieces in order; `layers` is what it has found."""

    def __init__(self, pieces: Pieces, inputs: Sequence[str], constants: Mapping[str, str]) -> None:
        self.layers: list[GraphLayer] = []
        self._pieces, self._fed = pieces, set(inputs)
        self._made_by: dict[str, GraphLayer] = {}
        # Of pieces that are computed from weights alone.
        self._weights = {constant: {name: None} for name, constant in constants.items()}
        for name in in_order(pieces.reads):
            if name in self._fed or self._fed.intersection(pieces.reads[name]):
                self._fed.add(name)
                self._take(name, pieces.by_name[name])
            elif name not in self._weights:
                self._weights[name] = self._variables(pieces.reads[name])

    def _variables(self, names: Iterable[str]) -> dict[str, None]:
        return dict.fromkeys(v for name in names for v in self._weights.get(name, ()))

    def _take(self, name: str, piece: Piece) -> None:
        """A piece that is computed from an input belongs to a layer, or is one."""
        first = piece.operations[0]
        if not piece.is_whole and first.type in TRANSPARENT:
            return
        own = self._variables(n for n in self._pieces.reads[name] if n not in self._fed)
        data = [t for t in piece.reads.values() if self._pieces.name_of(t) in self._fed]
        before = [self._made_by.get(self._pieces.through(tensor)) for tensor in data]
        if own and before and not piece.is_whole:
            before[0] = self._layer_behind(data[0]) or before[0]
        loop = next((layer for layer in before if layer is not None and layer.is_loop), None)
        scope = _common_scope(own) if piece.is_whole else _scope(next(iter(own), ""))
        if loop is not None and first.type in OF_LISTS:
            layer = loop
        elif before and before[0] is not None and _goes_on(before[0], scope, piece, own):
            layer = before[0]
        else:
            title = scope or piece.name.removesuffix("*").removeprefix(INLINED)
            if loop is not None and first.type == "StridedSlice":
                title = f"{loop.name}{RETURNED}"
            layer = GraphLayer(title, "", (), tuple(self._pieces.values_in(data)), piece.is_whole)
            self._hold_directions(layer, first, data)
            self.layers.append(layer)
        numbers = self._pieces.outputs(piece)
        layer.tensor = numbers[0]
        if piece.is_whole:
            layer.states = tuple(numbers)
        layer.variables = tuple(dict.fromkeys([*layer.variables, *own]))
        self._made_by[name] = layer

    def _hold_directions(self, layer: GraphLayer, op: Any, data: Sequence[Any]) -> None:
        """If it merges two loops, it is a layer of two directions."""
        loops = [self._loop_behind(tensor) for tensor in data] if op.type in MERGES else []
        found = [loop for loop in loops if loop is not None and loop.variables]
        if len(found) == len(loops) == 2 and found[0] is not found[1]:
            layer.inside = found[0].variables + found[1].variables
            layer.name, layer.reads = _common_scope(layer.inside) or layer.name, found[0].reads

    def _loop_behind(self, tensor: Any) -> GraphLayer | None:
        layer = self._layer_behind(tensor)
        return layer if layer is not None and layer.is_loop else None

    def _layer_behind(self, tensor: Any) -> GraphLayer | None:
        """The nearest with weights, behind what moves numbers alone."""
        while True:
            layer = self._made_by.get(self._pieces.name_of(tensor))
            if layer is not None and (layer.variables or layer.is_loop):
                return layer
            if tensor.op.type not in REARRANGES:
                return None
            tensor = tensor.op.inputs[0]


def _goes_on(layer: GraphLayer, scope: str, piece: Piece, own: Iterable[str]) -> bool:
    """Does a piece go on with what a layer in front of it has begun?

    It does if its variables have the layer's scope; of variables without one, what is added
    belongs to what it is added to.
    """
    if not scope or piece.is_whole or layer.is_loop or {*own} <= {*layer.variables}:
        return False  # what has no new variable is another use
    adds = piece.operations[0].type in ADDS and len(layer.variables) == 1
    return layer.name == scope or (adds and not any("/" in v for v in (*own, *layer.variables)))


def _scope(variable: str) -> str:
    """A variable without a scope is by itself."""
    return variable.rpartition("/")[0] or variable


def _common_scope(variables: Iterable[str]) -> str:
    """Of all of them, but for the cell that a loop runs; empty if they have none in common."""
    parts = [variable.split("/")[:-1] for variable in variables]
    levels = takewhile(lambda level: len({*level}) == 1, zip(*parts, strict=False))
    common = [level[0] for level in levels]
    return "/".join(common[:-1] if len(common) > 1 and common[-1].endswith("cell") else common)


def _numbered(layers: Iterable[GraphLayer]) -> dict[str, GraphLayer]:
    return dict(_told_apart((layer.name, layer) for layer in layers))


def _told_apart(layers: Iterable[tuple[str, GraphLayer]]) -> Iterator[tuple[str, GraphLayer]]:
    counts: Counter[str] = Counter()
    for name, layer in layers:
        counts[name] += 1
        yield (name if counts[name] == 1 else f"{name}#{counts[name]}"), layer
