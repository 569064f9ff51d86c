"""Finding the layers of a frozen TensorFlow graph."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from verify.custom.originals.graph.frozen import FrozenGraph

# They hand on what they read.
TRANSPARENT = {"Identity", "Placeholder", "NoOp", "StopGradient", "PreventGradient"}
# Functions that were inlined leave this in front of names.
INLINED = "StatefulPartitionedCall/"


@dataclass
class GraphLayer:
    """Operations that belong together: the tensor of the last, what the first reads, by name."""

    tensor: str
    variables: tuple[str, ...]
    reads: tuple[str, ...]


def layers_of(frozen: FrozenGraph) -> dict[str, GraphLayer]:
    """The layers by name, in the order of computation.

    An operation that reads variables belongs to the layer of their scope, if it reads what that
    layer's operation in front of it computed; `name#2` is a layer's second use.
    """
    variable_of = {constant: name for name, constant in frozen.constants.items()}
    nodes = {node.name: node for node in frozen.graph_def.node}
    reads = {name: [_node(i) for i in node.input if i[0] != "^"] for name, node in nodes.items()}
    order = _order(reads)
    fed = set(frozen.inputs)
    weights: dict[str, dict[str, None]] = {}
    for name in order:
        if any(read in fed for read in reads[name]):
            fed.add(name)
        if name not in fed:
            itself = [variable_of[name]] if name in variable_of else []
            weights[name] = dict.fromkeys(itself + [v for r in reads[name] for v in weights[r]])
    layers: list[tuple[str, GraphLayer]] = []
    made_by: dict[str, int] = {}
    for name in order:
        if name not in fed or nodes[name].op in TRANSPARENT:
            continue
        own = dict.fromkeys(v for r in reads[name] if r not in fed for v in weights[r])
        data = [i for i in nodes[name].input if i[0] != "^" and _node(i) in fed]
        scope = _scope(next(iter(own), ""))
        previous = made_by.get(_through(data[0], nodes))
        if own and previous is not None and layers[previous][0] == scope:
            layer = layers[previous][1]
            layer.tensor = f"{name}:0"
            layer.variables = tuple(dict.fromkeys([*layer.variables, *own]))
            made_by[name] = previous
        else:
            made_by[name] = len(layers)
            tensors = tuple(i if ":" in i else f"{i}:0" for i in data)
            layer = GraphLayer(f"{name}:0", tuple(own), tensors)
            layers.append((scope or name.removeprefix(INLINED), layer))
    return _numbered(layers)


def _scope(variable: str) -> str:
    """A variable without a scope is by itself."""
    return variable.rpartition("/")[0] or variable


def _numbered(layers: Iterable[tuple[str, GraphLayer]]) -> dict[str, GraphLayer]:
    counts: Counter[str] = Counter()
    numbered = {}
    for name, layer in layers:
        counts[name] += 1
        numbered[name if counts[name] == 1 else f"{name}#{counts[name]}"] = layer
    return numbered


def _node(name: str) -> str:
    return name.partition(":")[0].lstrip("^")


def _through(name: str, nodes: Mapping[str, Any]) -> str:
    """The operation behind identities."""
    name = _node(name)
    while nodes[name].op == "Identity":
        name = _node(nodes[name].input[0])
    return name


def _order(reads: Mapping[str, list[str]]) -> list[str]:
    """Every operation behind what it reads."""
    ordered: dict[str, None] = {}
    for start in reads:
        waiting = [start]
        while waiting:
            name = waiting[-1]
            missing = [read for read in reads[name] if read not in ordered]
            if missing:
                waiting += missing
            else:
                ordered.setdefault(waiting.pop())
    return list(ordered)
