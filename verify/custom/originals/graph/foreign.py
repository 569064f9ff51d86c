"""What no graph is allowed to do: run code from elsewhere, touch files, keep tables, read strings.

A SavedModel may come from anybody. TensorFlow would run what it says, so it is looked through
before it is loaded.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from port.errors import InputError
from verify.custom.originals.graph.pieces import needed_for

# Operations with an effect, or a state, that have none beyond the numbers that they compute.
HARMLESS = {
    "Assert", "Case", "GuaranteeConst", "If", "Multinomial", "ParameterizedTruncatedNormal",
    "Print", "RandomGamma", "RandomPoissonV2", "RandomShuffle", "RandomStandardNormal",
    "RandomUniform", "RandomUniformInt", "ReadVariableOp", "ResourceGather", "ResourceGatherNd",
    "StackPopV2", "StackPushV2", "StackV2", "StatefulPartitionedCall", "TruncatedNormal",
    "VarHandleOp", "VariableV2", "While",
}  # fmt: skip
# What assigns variables, when a model is loaded.
LOADING = {"AssignVariableOp", "RestoreV2", "VarIsInitializedOp", "Variable", "RestoreSlice"}
# They touch files, or run Python, yet TensorFlow calls them pure.
TOUCHING = {"ReadFile", "MatchingFiles", "PyFuncStateless", "DebugIdentity", "DebugNanCount"}
TOUCHING |= {"DebugNumericSummary", "DebugNumericSummaryV2"}
INITIALISERS = ("saved_model_main_op", "legacy_init_op")
INIT_SIGNATURE = "__saved_model_init_op"


def refuse_foreign(graph_def: Any) -> None:
    """See that a graph computes numbers and does nothing else.

    Raises:
        InputError: it names the operation.
    """
    for node in _all_nodes(graph_def):
        _refuse_unknown(node, graph_def)
        if node.op in TOUCHING or (_is_stateful(node.op) and node.op not in HARMLESS):
            raise InputError(
                f"{node.name}: {node.op} does more than to compute numbers, and is not run; give a "
                "function or a signature without it"
            )


def refuse_strings(graph: Any, outputs: Sequence[str]) -> None:
    """See that all that `outputs` are computed from are numbers.

    Raises:
        InputError: it names the operation that puts out strings.
    """
    needed = needed_for(graph, outputs)
    for op in graph.get_operations():
        if op.name in needed and any(tensor.dtype.name == "string" for tensor in op.outputs):
            raise InputError(
                f"{op.name}: {op.type} handles strings, of which a torch module takes none; give a "
                "signature that begins behind them"
            )


def refuse_unsafe(path: Path) -> None:
    """See that to load a SavedModel assigns its variables, and runs nothing else.

    Raises:
        InputError: it is no SavedModel, or holds what is not loaded here.
    """
    from tensorflow.python.saved_model.loader_impl import parse_saved_model

    try:
        saved = parse_saved_model(str(path))
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: not a SavedModel ({str(error).splitlines()[0]})") from None
    for meta in saved.meta_graphs:
        for node in _all_nodes(meta.graph_def):
            _refuse_unknown(node, meta.graph_def)
        if any(node.WhichOneof("kind") == "resource" for node in meta.object_graph_def.nodes):
            raise InputError(
                f"{path}: it has a lookup table or another resource, and is not loaded; export the "
                "model without its preprocessing"
            )
        refuse_loading(path, meta.graph_def, _run_when_loaded(meta))


def refuse_loading(path: Path, graph_def: Any, names: Iterable[str]) -> None:
    """See that what runs when a file is loaded assigns variables, and has no other effect.

    Raises:
        InputError: it names the operation.
    """
    nodes = {node.name: node for node in graph_def.node}
    for node in _run_to(names, nodes):
        has_effect = _is_stateful(node.op) and node.op not in HARMLESS | LOADING
        if has_effect or node.op in TOUCHING - {"ReadFile"}:
            raise InputError(f"{path}: {node.op} would run when it is loaded ({node.name})")


def _run_when_loaded(meta: Any) -> Iterator[str]:
    """Of a SavedModel of TensorFlow 1."""
    yield meta.saver_def.restore_op_name
    for name in INITIALISERS:
        yield from meta.collection_def[name].node_list.value if name in meta.collection_def else ()
    if INIT_SIGNATURE in meta.signature_def:
        yield from (info.name for info in meta.signature_def[INIT_SIGNATURE].outputs.values())


def _run_to(names: Iterable[str], nodes: Mapping[str, Any]) -> Iterator[Any]:
    waiting, met = [name.partition(":")[0] for name in names], set[str]()
    while waiting:
        name = waiting.pop()
        if name in nodes and name not in met:
            met.add(name)
            yield nodes[name]
            waiting += (read.lstrip("^").partition(":")[0] for read in nodes[name].input)


def _all_nodes(graph_def: Any) -> Iterator[Any]:
    yield from graph_def.node
    for function in graph_def.library.function:
        yield from function.node_def


def _refuse_unknown(node: Any, graph_def: Any) -> None:
    from tensorflow.python.framework import op_def_registry

    names = {function.signature.name for function in graph_def.library.function}
    if op_def_registry.get(node.op) is None and node.op not in names:
        raise InputError(
            f"{node.name}: {node.op} is no operation of TensorFlow's own, and is not run; give an "
            "original without it"
        )
    if node.op in ("PyFunc", "EagerPyFunc", "PyFuncStateless"):
        raise InputError(
            f"{node.name}: {node.op} runs Python (tf.py_function), and is not run; give an "
            "original without it"
        )


def _is_stateful(op: str) -> bool:
    from tensorflow.python.framework import op_def_registry

    definition = op_def_registry.get(op)
    return bool(definition and definition.is_stateful) and not op.startswith("TensorArray")
