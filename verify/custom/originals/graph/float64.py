"""A frozen TensorFlow graph, computed in float64.

A graph that was traced or saved computes in float32, and its constants are rounded to it. The
weights are taken as they are. Any other constant, such as an epsilon of 0.001, is taken for what
its author wrote: the shortest decimal, the simple fraction or the root that float32 rounds to it.
"""

import math
from collections.abc import Collection, Iterator
from fractions import Fraction
from typing import Any

import numpy as np

from port.errors import InputError
from verify.runners.tensorflow import import_tensorflow

# Float32 tells decimals of so many digits apart; what needs more was no short decimal.
DIGITS = 6
LARGEST_DENOMINATOR = 1000
# Of GELU.
ROOTS = (math.sqrt(2), math.sqrt(0.5), math.sqrt(2 / math.pi))


def in_float64(graph_def: Any, weights: Collection[str]) -> tuple[Any, list[str]]:
    """The same graph in float64.

    Args:
        graph_def: frozen, its functions inlined.
        weights: names of the constants that were variables.

    Returns:
        The graph, and the names of constants that are known to float32 only.

    Raises:
        InputError: an operation has no counterpart in float64 here.
    """
    tf = import_tensorflow()
    doubled, rounded = tf.compat.v1.GraphDef(), list[str]()
    doubled.versions.CopyFrom(graph_def.versions)
    for node in graph_def.node:
        if node.op.startswith("FusedBatchNorm"):
            doubled.node.extend(_batch_norm(tf, node))
            continue
        if node.op == "LeakyRelu":
            doubled.node.extend(_leaky_relu(tf, node))
            continue
        copy = doubled.node.add()
        copy.CopyFrom(node)
        for attribute in copy.attr.values():
            if attribute.type == tf.float32.as_datatype_enum:
                attribute.type = tf.float64.as_datatype_enum
            for place, kind in enumerate(attribute.list.type):
                if kind == tf.float32.as_datatype_enum:
                    attribute.list.type[place] = tf.float64.as_datatype_enum
        if node.op == "Const" and node.attr["dtype"].type == tf.float32.as_datatype_enum:
            value = tf.make_ndarray(node.attr["value"].tensor)
            if node.name in weights:
                exact = value.astype(np.float64)
            else:
                exact = np.vectorize(as_written, otypes=[np.float64])(value)
                if not all(map(is_exact, value.reshape(-1))):
                    rounded.append(node.name)
            copy.attr["value"].tensor.CopyFrom(tf.make_tensor_proto(exact))
    return doubled, rounded


def as_written(value: np.float32) -> float:
    """The number that was written where float32 has `value`, as far as that can be told."""
    decimal = float(str(value))
    if _digits(value) <= DIGITS or not np.isfinite(value):
        return decimal
    near = Fraction(float(value)).limit_denominator(LARGEST_DENOMINATOR)
    candidates = (near.numerator / near.denominator, *ROOTS)
    return next((number for number in candidates if np.float32(number) == value), decimal)


def is_exact(value: np.float32) -> bool:
    """Can it be told?"""
    return _digits(value) <= DIGITS or as_written(value) != float(str(value))


def _digits(value: np.float32) -> int:
    return len(str(value).partition("e")[0].strip("-").replace(".", "").strip("0"))


def _operation(tf: Any, op: str, name: str, *inputs: str) -> Any:
    node = tf.compat.v1.NodeDef(op=op, name=name, input=inputs)
    node.attr["T"].type = tf.float64.as_datatype_enum
    return node


def _constant(tf: Any, name: str, value: float) -> Any:
    """What was written where an attribute, which is float32, has `value`."""
    node = tf.compat.v1.NodeDef(op="Const", name=name)
    node.attr["dtype"].type = tf.float64.as_datatype_enum
    written = np.float64(as_written(np.float32(value)))
    node.attr["value"].tensor.CopyFrom(tf.make_tensor_proto(written))
    return node


def _leaky_relu(tf: Any, node: Any) -> Iterator[Any]:
    """Leaky ReLU, whose slope is an attribute in float32, for slopes below one."""
    name, x = node.name, node.input[0]
    yield _constant(tf, f"{name}/slope", node.attr["alpha"].f)
    yield _operation(tf, "Mul", f"{name}/sloped", x, f"{name}/slope")
    yield _operation(tf, "Maximum", name, x, f"{name}/sloped")


def _batch_norm(tf: Any, node: Any) -> Iterator[Any]:
    """Fused batch norm, which has no float64, written out by its definition."""
    if node.attr["is_training"].b or node.attr["data_format"].s not in (b"NHWC", b"NDHWC"):
        raise InputError(f"{node.name}: a batch norm in training, or not in NHWC, is not supported")
    x, gamma, beta, mean, variance = list(node.input)[:5]
    name = node.name
    yield _constant(tf, f"{name}/epsilon", node.attr["epsilon"].f)
    yield _operation(tf, "AddV2", f"{name}/variance", variance, f"{name}/epsilon")
    yield _operation(tf, "Rsqrt", f"{name}/rsqrt", f"{name}/variance")
    yield _operation(tf, "Mul", f"{name}/scale", f"{name}/rsqrt", gamma)
    yield _operation(tf, "Sub", f"{name}/centred", x, mean)
    yield _operation(tf, "Mul", f"{name}/scaled", f"{name}/centred", f"{name}/scale")
    yield _operation(tf, "AddV2", name, f"{name}/scaled", beta)
