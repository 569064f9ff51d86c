"""What there is to say of weights whose layers are known by their names alone, or a SavedModel."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from port.sources import open_source
from verify.custom.originals.graph.foreign import refuse_unsafe
from verify.custom.originals.graph.frozen import first_line
from verify.custom.originals.graph.model import saved_model
from verify.custom.starting.outline import (
    LayerRow,
    Outline,
    Shape,
    Skeleton,
    identifier,
    probe,
    quoted,
    told_shape,
)
from verify.runners.tensorflow import import_tensorflow

# Of what an optimizer or a training loop keeps beside the weights.
_BESIDE = re.compile(
    r"(^|/)(global_step|save_counter|beta[12]_power|_CHECKPOINTABLE_OBJECT_GRAPH|learning_rate|iterations?)$"
    r"|/(Momentum|RMSProp|Adam|Adagrad|Adadelta|Ftrl|ExponentialMovingAverage)(_[12])?$"
    r"|(^|/)(_?optimizer|\.OPTIMIZER_SLOT)/"
)
_NORM = {"gamma", "beta", "moving_mean", "moving_variance"}
DEFAULT = "serving_default"
ATTRIBUTE = "/.ATTRIBUTES/VARIABLE_VALUE"  # behind every name in an object-based checkpoint
FORWARD = '"forward, of the layers that __init__ lists"'
BUILD = '''

def build():
    """Makes the graph of the checkpoint; returns its placeholder and its output."""
    raise NotImplementedError(
        "build() is to be written: tf.compat.v1 code that makes the graph the checkpoint is of"
    )'''


def outline_saved_model(path: Path) -> Outline:
    """Of a SavedModel's folder, by its signatures; of one that cannot be loaded, by its weights."""
    tf = import_tensorflow()
    refuse_unsafe(path)
    try:
        signatures = dict(tf.saved_model.load(str(path)).signatures)
    except Exception as error:  # whatever TensorFlow raises
        return outline_weights(path, f"it cannot be loaded as a SavedModel: {first_line(error)}")
    if not signatures:
        return outline_weights(path, "it has no signature, so nothing says what it computes")
    name = DEFAULT if DEFAULT in signatures else min(signatures)
    taken = signatures[name].structured_input_signature[1]
    made = {key: probe(_sizes(spec.shape), _whole(spec.dtype)) for key, spec in taken.items()}
    told = ", ".join(f"{quoted(key)}: {value}" for key, value in made.items())
    variables = saved_model(path, name).variables
    rows, skeleton = _by_name({key: value.shape for key, value in variables.items()})
    arguments: list[str] = []
    for key in taken:
        arguments.append(identifier(key, arguments))
    skeleton.arguments = arguments or ["x"]
    skeleton.forward = [f"return todo({FORWARD}, {', '.join(skeleton.arguments)})"]
    if others := sorted(signatures.keys() - {name}):
        skeleton.missing.append(f"another signature than {name}, if you want one: {others}")
    return Outline(
        kind="a SavedModel",
        original=f"saved_model(MODEL, {quoted(name)}, seed=0)",
        names=("saved_model", "probe_input"),
        inputs=next(iter(made.values())) if len(made) == 1 else f"{{{told}}}",
        layers=rows,
        skeleton=skeleton,
    )


def outline_weights(path: Path, why: str = "") -> Outline:
    """Of a checkpoint or the like, by the names of what it holds."""
    with open_source(path) as source:
        kind = source.kind
        rows, skeleton = _by_name({i.name: i.shape for i in source.infos() if i.dtype != "string"})
    skeleton.missing[:0] = [why] if why else []
    skeleton.missing.append("build(), the graph: weights alone do not say what is computed")
    skeleton.missing.append("in spec(), the inputs' shape")
    inside = ' / "variables" / "variables"' if (path / "variables").is_dir() else ""
    return Outline(
        kind=f"a {kind}, of which the weights alone are known",
        original=f"tf1_graph(build, checkpoint=MODEL{inside}, seed=0)",
        names=("tf1_graph", "probe_input"),
        inputs="probe_input((2, 32, 32, 3))",
        layers=rows,
        skeleton=skeleton,
        build=BUILD,
    )


def _by_name(shapes: Mapping[str, Shape]) -> tuple[list[LayerRow], Skeleton]:
    """Layers as the scopes of variables, with the modules that their weights would go into."""
    scopes: dict[str, dict[str, Shape]] = {}
    for name, shape in shapes.items():
        if not _BESIDE.search(name):
            scope, _, base = name.removesuffix(ATTRIBUTE).rpartition("/")
            scopes.setdefault(scope, {})[base] = shape
    skeleton, taken = Skeleton(parts={"todo"}), {"forward", "training"}
    rows = []
    for scope, weights in scopes.items():
        told = "; ".join(f"{base} {told_shape(shape)}" for base, shape in weights.items())
        module = _module(scope, weights)
        rows.append(LayerRow(scope, module.partition("(")[0], "", told))
        name = identifier(scope, taken)
        taken.add(name)
        if module:
            skeleton.modules.append(f"self.{name} = {module}")
        else:
            skeleton.modules.append(f"# {scope}: {told}")
            skeleton.without.append(f"{scope}/*" if scope else next(iter(weights)))
    skeleton.missing.append("forward, and in __init__ strides, paddings and what has no weights")
    skeleton.forward.append(f"return todo({FORWARD}, x)")
    return rows, skeleton


def _module(scope: str, weights: Mapping[str, Shape]) -> str:
    """What a layer of these weights most likely is; nothing where none is likely.

    A kernel that writes one channel of many is more often a depthwise one than not; one whose bias
    is longer than what it writes is one.
    """
    if _NORM & weights.keys() >= {"moving_mean", "moving_variance"}:
        return f"nn.BatchNorm2d({weights['moving_mean'][0]}, eps=1e-3)"
    biases = [tuple(weights[base]) for base in ("bias", "biases", "b") if base in weights]
    kernels = [shape for base, shape in weights.items() if len(shape) in (2, 4)]
    if len(kernels) != 1 or None in kernels[0]:
        return ""
    sizes = list(kernels[0])
    bias = "" if biases else ", bias=False"
    if len(sizes) == 2:
        return f"nn.Linear({sizes[0]}, {sizes[1]}{bias})"
    height, width, read, written = sizes
    named = any("depthwise" in name.lower() for name in (scope, *weights))
    if named or (written == 1 != read) or (biases and biases != [(written,)]):
        out = (read or 0) * (written or 0)
        return f"nn.Conv2d({read}, {out}, ({height}, {width}), groups={read}{bias})"
    return f"nn.Conv2d({read}, {written}, ({height}, {width}){bias})"


def _sizes(shape: "object") -> Sequence[int | None]:
    rank = getattr(shape, "rank", None)
    return [None, None, None, 3] if rank is None else list(shape.as_list())  # type: ignore[attr-defined]


def _whole(dtype: "object") -> int | None:
    return 2 if getattr(dtype, "is_integer", False) else None
