"""Operations that TensorFlow has no float64 of, or not with all digits, by their definitions.

Each is a function of what the operation reads, in float64, made of others that have it.
"""

from collections.abc import Callable, Iterator, Mapping
from functools import cache
from itertools import product
from typing import Any

import numpy as np

from verify.custom.originals.graph.constants import as_written

# What attributes call float32 and float64.
SINGLE, DOUBLE = 1, 2


def is_written_out(node: Any) -> bool:
    """Is it written out here? Only what computes in float32."""
    return node.op in TABLE and any(a.type == SINGLE for a in node.attr.values())


def has_float64(node: Any) -> bool:
    """Does TensorFlow compute a node, whose attributes say float64, in float64?"""
    from tensorflow.python.framework import op_def_registry

    definition = op_def_registry.get(node.op)
    if definition is None:  # a function
        return True
    arguments = (*definition.input_arg, *definition.output_arg)
    if any(a.type == SINGLE and not a.name.startswith("flow") for a in arguments):
        return False
    doubles = [a for a in definition.attr if node.attr[a.name].type == DOUBLE]
    if any(
        a.allowed_values.list.type and DOUBLE not in a.allowed_values.list.type for a in doubles
    ):
        return False
    names = {attribute.name for attribute in doubles}
    if not names:
        return True
    found = _kernels(node.op)
    return not found or any(
        all(DOUBLE in c.allowed_values.list.type for c in kernel.constraint if c.name in names)
        for kernel in found
        if kernel.device_type in ("CPU", "DEFAULT")
    )


@cache
def _kernels(op: str) -> Any:
    from tensorflow.python.framework import kernels

    return kernels.get_registered_kernels_for_op(op).kernel


class Writer:
    """Puts what an operation is made of in the place of its node."""

    def __init__(self, tf: Any) -> None:
        self._tf = tf

    def in_graph(self, node: Any) -> Iterator[Any]:
        """In a graph; the outputs are under the node's name."""
        made = self._made(node)
        inputs = {t.op.name: read for t, read in zip(made.inputs, _data(node), strict=True)}
        for inner in made.graph.as_graph_def().node:
            if inner.name in inputs:
                copy = self._tf.compat.v1.NodeDef(op="Identity", input=[inputs[inner.name]])
                copy.attr["T"].type = inner.attr["dtype"].type
            else:
                copy = self._tf.compat.v1.NodeDef()
                copy.CopyFrom(inner)
                # What reads nothing must run in the loop that the node is in, if it is in one.
                reads = list(inner.input) or [f"^{next(iter(inputs))}"]
                copy.input[:] = [_inside(node.name, read) for read in reads]
            copy.name = f"{node.name}/{inner.name}"
            yield copy
        last = self._tf.compat.v1.NodeDef(op="IdentityN", name=node.name)
        last.input.extend(f"{node.name}/{tensor.name}" for tensor in made.outputs)
        last.attr["T"].list.type.extend([DOUBLE] * len(made.outputs))
        yield last

    def in_function(self, node: Any, outputs: dict[str, str]) -> Iterator[Any]:
        """In a function; what is to be read instead of the node's outputs goes into `outputs`."""
        from tensorflow.python.framework import op_def_registry

        made = self._made(node).function_def
        names = [argument.name for argument in made.signature.input_arg]
        inputs = dict(zip(names, _data(node), strict=True))
        for inner in made.node_def:
            copy = self._tf.compat.v1.NodeDef()
            copy.CopyFrom(inner)
            copy.name = f"{node.name}/{inner.name}"
            copy.input[:] = [inputs.get(i) or _inside(node.name, i) for i in inner.input]
            yield copy
        before = op_def_registry.get(node.op).output_arg
        for old, new in zip(before, made.signature.output_arg, strict=True):
            tensor = made.ret[new.name]
            outputs[f"{node.name}:{old.name}:0"] = inputs.get(tensor) or f"{node.name}/{tensor}"

    def _made(self, node: Any) -> Any:
        tf = self._tf
        write = TABLE[node.op](tf, node)
        signature = [tf.TensorSpec(None, dtype) for dtype in _types(tf, node)]
        return tf.function(lambda *x: write(*x), input_signature=signature).get_concrete_function()


def _types(tf: Any, node: Any) -> list[Any]:
    """Of what a node reads: numbers in float64, unless they are of a type of their own."""
    from tensorflow.python.framework import op_def_registry

    known = [argument.type for argument in op_def_registry.get(node.op).input_arg]
    return [tf.as_dtype(kind) if kind else tf.float64 for kind in known]


def _data(node: Any) -> list[str]:
    return [read for read in node.input if read[0] != "^"]


def _inside(prefix: str, read: str) -> str:
    return f"^{prefix}/{read[1:]}" if read[0] == "^" else f"{prefix}/{read}"


def _leaky_relu(tf: Any, node: Any) -> Callable[..., Any]:
    """Its slope is an attribute in float32."""
    slope = as_written(np.float32(node.attr["alpha"].f))
    return lambda x: tf.where(x > 0, x, slope * x)


def _batch_norm(tf: Any, node: Any) -> Callable[..., Any]:
    epsilon = as_written(np.float32(node.attr["epsilon"].f))
    kept = 1 - as_written(np.float32(node.attr["exponential_avg_factor"].f or 1.0))
    training, outputs = node.attr["is_training"].b, 6 if node.op.endswith("V3") else 5
    layout = node.attr["data_format"].s.decode() or "NHWC"
    channel = layout.index("C")
    axes = [axis for axis in range(len(layout)) if axis != channel]

    def write(x: Any, gamma: Any, beta: Any, mean: Any, variance: Any) -> list[Any]:
        def spread(vector: Any) -> Any:
            return tf.reshape(vector, [-1 if a == channel else 1 for a in range(len(layout))])

        used_mean, used_variance = mean, variance
        if training:
            used_mean = tf.reduce_mean(x, axes)
            used_variance = tf.reduce_mean((x - spread(used_mean)) ** 2, axes)
            count = tf.cast(tf.size(x) // tf.size(used_mean), tf.float64)
            unbiased = used_variance * (count / tf.maximum(count - 1, 1))
            first = kept == 0.0
            mean = used_mean if first else kept * mean + (1 - kept) * used_mean
            variance = unbiased if first else kept * variance + (1 - kept) * unbiased
        scale = tf.math.rsqrt(used_variance + epsilon) * gamma
        y = (x - spread(used_mean)) * spread(scale) + spread(beta)
        rest = [used_mean, used_variance, tf.zeros((), tf.float64)]
        return [y, mean, variance, *rest][:outputs]

    return write


def _pool_3d(tf: Any, node: Any) -> Callable[..., Any]:
    """Of slices, one for each place in the window."""
    layout = node.attr["data_format"].s.decode() or "NDHWC"
    axes = [layout.index(axis) for axis in "DHW"]
    window = [node.attr["ksize"].list.i[axis] for axis in axes]
    strides = [node.attr["strides"].list.i[axis] for axis in axes]
    same, maximum = node.attr["padding"].s == b"SAME", node.op == "MaxPool3D"

    def pool(x: Any, fill: float, join: Callable[[Any, Any], Any]) -> Any:
        shape, pads, out = tf.shape(x), [[0, 0]] * 5, [0, 0, 0]
        for place, axis in enumerate(axes):
            size, step, k = shape[axis], strides[place], window[place]
            out[place] = (size + step - 1) // step if same else (size - k) // step + 1
            more = tf.maximum((out[place] - 1) * step + k - size, 0) if same else 0
            pads[axis] = [more // 2, more - more // 2]
        x = tf.pad(x, pads, constant_values=tf.constant(fill, tf.float64))
        result = None
        for starts in product(*map(range, window)):
            part = x
            for place, axis in enumerate(axes):
                index = starts[place] + strides[place] * tf.range(out[place])
                part = tf.gather(part, index, axis=axis)
            result = part if result is None else join(result, part)
        return result

    def write(x: Any) -> Any:
        if maximum:
            return pool(x, -np.inf, tf.maximum)
        return pool(x, 0.0, tf.add) / pool(tf.ones_like(x), 0.0, tf.add)

    return write


def _resize_bilinear(tf: Any, node: Any) -> Callable[..., Any]:
    """Its places are in float32, and so is what it puts out."""
    corners, half = node.attr["align_corners"].b, node.attr["half_pixel_centers"].b

    def along(x: Any, axis: int, to: Any) -> Any:
        size, steps = tf.shape(x)[axis], tf.cast(tf.range(to), tf.float64)
        here, there = tf.cast(size, tf.float64), tf.cast(to, tf.float64)
        if corners:
            places = steps * ((here - 1) / tf.maximum(there - 1, 1))
        else:
            places = (steps + 0.5) * (here / there) - 0.5 if half else steps * (here / there)
        floors = tf.floor(places)
        lower, upper = tf.maximum(floors, 0), tf.minimum(floors + 1, here - 1)
        shape = [-1 if other == axis else 1 for other in range(4)]
        share = tf.reshape(places - floors, shape)
        first, second = (tf.gather(x, tf.cast(i, tf.int32), axis=axis) for i in (lower, upper))
        return first * (1 - share) + second * share

    return lambda x, size: along(along(x, 1, size[0]), 2, size[1])


# By operation what makes, of a node, the function of its inputs.
TABLE: Mapping[str, Callable[[Any, Any], Callable[..., Any]]] = {
    "LeakyRelu": _leaky_relu,
    "FusedBatchNorm": _batch_norm,
    "FusedBatchNormV2": _batch_norm,
    "FusedBatchNormV3": _batch_norm,
    "MaxPool3D": _pool_3d,
    "ResizeBilinear": _resize_bilinear,
    "AvgPool3D": _pool_3d,
}
