"""A frozen TensorFlow graph, computed in float64.

A graph that was traced or saved computes in float32, and its constants are rounded to it. The
weights are taken as they are. Any other constant, such as an epsilon of 0.001, is taken for what
its author wrote: the shortest decimal, or the simple fraction, that float32 rounds to it.
"""

from collections.abc import Collection, Iterator
from fractions import Fraction
from typing import Any

import numpy as np

from port.errors import InputError
from verify.original import import_tensorflow

# Float32 tells decimals of so many digits apart; what needs more was no short decimal.
DIGITS = 6
LARGEST_DENOMINATOR = 1000


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
    if _digits(value) <= DIGITS:
        return decimal
    fraction = _fraction(value)
    return decimal if fraction is None else fraction


def is_exact(value: np.float32) -> bool:
    """Can it be told?"""
    return _digits(value) <= DIGITS or _fraction(value) is not None


def _digits(value: np.float32) -> int:
    return len(str(value).partition("e")[0].strip("-").replace(".", "").strip("0"))


def _fraction(value: np.float32) -> float | None:
    if not np.isfinite(value):
        return None
    near = Fraction(float(value)).limit_denominator(LARGEST_DENOMINATOR)
    quotient = near.numerator / near.denominator
    return quotient if np.float32(quotient) == value else None


def _batch_norm(tf: Any, node: Any) -> Iterator[Any]:
    """Fused batch norm, which has no float64, written out by its definition."""
    if node.attr["is_training"].b or node.attr["data_format"].s not in (b"NHWC", b"NDHWC"):
        raise InputError(f"{node.name}: a batch norm in training, or not in NHWC, is not supported")
    x, gamma, beta, mean, variance = list(node.input)[:5]
    double = tf.float64.as_datatype_enum

    def made(op: str, name: str, *inputs: str) -> Any:
        new = tf.compat.v1.NodeDef(op=op, name=name, input=inputs)
        new.attr["T"].type = double
        return new

    epsilon = tf.compat.v1.NodeDef(op="Const", name=f"{node.name}/epsilon")
    epsilon.attr["dtype"].type = double
    written = np.float64(as_written(np.float32(node.attr["epsilon"].f)))
    epsilon.attr["value"].tensor.CopyFrom(tf.make_tensor_proto(written))
    name = node.name
    yield epsilon
    yield made("AddV2", f"{name}/variance", variance, f"{name}/epsilon")
    yield made("Rsqrt", f"{name}/rsqrt", f"{name}/variance")
    yield made("Mul", f"{name}/scale", f"{name}/rsqrt", gamma)
    yield made("Sub", f"{name}/centred", x, mean)
    yield made("Mul", f"{name}/scaled", f"{name}/centred", f"{name}/scale")
    yield made("AddV2", name, f"{name}/scaled", beta)
