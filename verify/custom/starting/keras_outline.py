"""What there is to say of a Keras model, with as much of its port as torch has layers for."""

from collections.abc import Iterator, Sequence
from typing import Any

from verify.custom.originals.keras.layers import named_layers
from verify.custom.starting.outline import (
    LayerRow,
    Outline,
    Skeleton,
    identifier,
    probe,
    quoted,
    told_shape,
)
from verify.custom.starting.torch_layers import Lines, Unwritten, write_layer

WHOLE = ("Embedding",)


def outline_keras(model: Any) -> Outline:
    """Of a model that was loaded."""
    nodes = _nodes(model)
    skeleton = _skeleton(model, nodes) if nodes else _empty(model)
    return Outline(
        kind="a Keras model",
        original="KerasModel(MODEL, seed=0)",
        names=("KerasModel", "probe_input"),
        inputs=_inputs(model, nodes),
        layers=list(_rows(model)),
        skeleton=skeleton,
    )


def _nodes(model: Any) -> list[Any]:
    """Every use of a layer, in the order of computation; none of a model that is no graph."""
    graph = getattr(model, "_functional", None) or model
    by_depth = getattr(graph, "_nodes_by_depth", {})
    return [node for depth in sorted(by_depth, reverse=True) for node in by_depth[depth]]


def _rows(model: Any) -> Iterator[LayerRow]:
    for path, layer in named_layers(model):
        if type(layer).__name__ == "InputLayer" or layer is model:
            continue
        inside = getattr(layer, "layers", ())
        weights = [] if inside else [(w.name, w.shape) for w in layer.weights]
        told = "; ".join(f"{name} {told_shape(shape)}" for name, shape in weights)
        yield LayerRow(path, type(layer).__name__, _output(layer), told)


def _output(layer: Any) -> str:
    try:
        shape = layer.output.shape
    except (AttributeError, ValueError):  # it works more than once, or in no graph
        return ""
    return told_shape(shape)


def _inputs(model: Any, nodes: Sequence[Any]) -> str:
    tensors = list(getattr(model, "inputs", None) or [])
    if not tensors:
        return "probe_input((2, 32, 32, 3))  # what the model takes: its shape is not in the file"
    names = list(getattr(model, "input_names", None) or [tensor.name for tensor in tensors])
    made = [probe(tensor.shape, _whole_below(tensor, nodes)) for tensor in tensors]
    if len(made) == 1:
        return made[0]
    told = ", ".join(f"{quoted(name)}: {value}" for name, value in zip(names, made, strict=True))
    return f"{{{told}}}"


def _whole_below(tensor: Any, nodes: Sequence[Any]) -> int | None:
    """How many different whole numbers an input may be, if an embedding reads it."""
    read_by = [n.operation for n in nodes if any(t is tensor for t in n.input_tensors)]
    sizes = [layer.input_dim for layer in read_by if type(layer).__name__ in WHOLE]
    if sizes:
        return int(min(sizes))
    return 2 if "int" in str(tensor.dtype) else None


def _empty(model: Any) -> Skeleton:
    skeleton = Skeleton(parts={"todo"})
    skeleton.missing.append("all of Port: how the layers follow one another is code of the model's")
    skeleton.missing.append("in spec(), the inputs' shape")
    skeleton.forward.append(f'return todo("the layers of {type(model).__name__}", x)')
    return skeleton


def _skeleton(model: Any, nodes: Sequence[Any]) -> Skeleton:
    inputs = [id(tensor) for tensor in model.inputs]
    names = getattr(model, "input_names", None) or [tensor.name for tensor in model.inputs]
    arguments = ["x"] if len(inputs) == 1 else []
    for name in names if len(inputs) > 1 else ():
        arguments.append(identifier(name, arguments))
    skeleton = Skeleton(arguments=arguments)
    values = dict(zip(inputs, arguments, strict=True))  # by tensor, the variable that holds it
    modules: dict[int, str] = {}
    taken: set[str] = {*arguments, "forward", "training"}
    last = arguments[0]
    for node in nodes:
        if type(node.operation).__name__ == "InputLayer":
            continue
        reads = [values[id(tensor)] for tensor in node.input_tensors]
        written = _written(node, skeleton)
        if id(node.operation) not in modules:
            modules[id(node.operation)] = base = identifier(node.operation.name, taken)
            made = [(f"{base}{suffix}", code) for suffix, code in written.modules]
            taken |= {base, *(name for name, _ in made)}
            skeleton.modules += [f"self.{name} = {code}" for name, code in made]
        base = modules[id(node.operation)]
        value = written.expression.format(*reads)
        for suffix, _ in written.modules:
            value = f"self.{base}{suffix}({value})"
        last = _variable(node, nodes, reads, set(values.values()), len(inputs))
        skeleton.forward.append(f"{last} = {value}")
        for index, tensor in enumerate(node.outputs):
            values[id(tensor)] = last if len(node.outputs) == 1 else f"{last}[{index}]"
    outputs = [values[id(tensor)] for tensor in model.outputs]
    skeleton.forward.append(f"return {', '.join(outputs)}")
    return skeleton


def _variable(
    node: Any, nodes: Sequence[Any], reads: Sequence[str], taken: set[str], inputs: int
) -> str:
    """`x` along a chain; where others read on what this layer reads, a name of its own."""
    read = {id(tensor) for tensor in node.input_tensors}
    others = [n for n in nodes if n is not node and read & {id(t) for t in n.input_tensors}]
    if inputs == 1 and not others and len(reads) == 1 and reads[0] == "x":
        return "x"
    return identifier(node.operation.name, {*taken, "x"})


def _written(node: Any, skeleton: Skeleton) -> Lines:
    """The layer's lines, or what stands there until somebody writes them."""
    layer = node.operation
    kind = type(layer).__name__
    try:
        lines = write_layer(layer, [tensor.shape for tensor in node.input_tensors])
    except (Unwritten, AttributeError, TypeError) as why:
        reason = f" ({why})" if isinstance(why, Unwritten) and str(why) else ""
        what = f"{layer.name}: {kind}{reason}"
        shapes = [told_shape(tensor.shape) for tensor in node.input_tensors]
        skeleton.missing.append(f"{what}, which reads {', '.join(shapes)}")
        if layer.weights and f"{layer.name}/*" not in skeleton.without:
            skeleton.without.append(f"{layer.name}/*")
        reads = ", ".join(f"{{{i}}}" for i in range(len(shapes)))
        told = quoted(what).replace("{", "{{").replace("}", "}}")
        lines = Lines(expression=f"todo({told}, {reads})", parts={"todo"})
    skeleton.parts |= lines.parts
    return lines
