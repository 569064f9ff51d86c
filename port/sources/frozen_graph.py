"""Frozen graphs: a GraphDef in which each variable has become a Const node.

Formats: `graph.proto`, `node_def.proto` and `tensor.proto` of `tensorflow/core/framework`.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import prod
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from port.sources.base import (
    TENSOR_BYTES,
    Source,
    TensorInfo,
    check_unpacked,
    naming,
    open_weights,
    too_large,
)
from port.sources.protos import parse
from port.sources.tensors import checked_shape, is_numeric, numpy_dtype
from port.sources.wire import MalformedError, read_varint

_NODE_FIELD = 1
_VARINT, _BYTES = 0, 2  # the kinds of field that a GraphDef has
_FIELD_START_BYTES = 20  # two varints at most
_READ = "/read"
_NODE_BYTES = 1 << 20  # of all of a node but its values

# Where a Tensor keeps its values when they are not raw bytes; int_val where not said.
_VALUE_FIELDS = {
    "float32": "float_val",
    "float64": "double_val",
    "int64": "int64_val",
    "bool": "bool_val",
    "uint32": "uint32_val",
    "uint64": "uint64_val",
    "float16": "half_val",
    "bfloat16": "half_val",
}


class FrozenGraphSource(Source):
    """The numeric constants of a graph, by the names of their nodes.

    A variable `X` that was folded into the node that reads it, `X/read`, is called `X`.

    Args:
        path: The `.pb` file.

    Raises:
        InputError: It is no GraphDef, or is damaged.

    """

    def __init__(self, path: Path) -> None:
        infos, self._places, implied = [], {}, 0
        with naming(path), open_weights(path) as file:
            for place in _node_places(file):
                node = _read_node(file, place)
                tensor = _constant(node)
                if tensor is None:
                    continue
                info = _info(node.name, tensor)
                infos.append(info)
                self._places[node.name] = place
                implied += 0 if tensor.tensor_content else info.nbytes
        check_unpacked(path, "a value repeated over whole tensors", implied, path.stat().st_size)
        super().__init__(path, "frozen graph", _variable_names(infos), [path])

    def _read(self, info: TensorInfo) -> np.ndarray:
        with naming(self.path), open_weights(self.path) as file:
            tensor = _constant(_read_node(file, self._places[info.stored_as]))
            if tensor is None or _info(info.stored_as, tensor).nbytes != info.nbytes:
                raise MalformedError("was changed while it was read; open it again")
            return _values(tensor, info.shape)


def _node_places(file: BinaryIO) -> Iterator[tuple[int, int]]:
    """Yield the offset and length of each node's message, without reading it."""
    at, size = 0, file.seek(0, 2)
    while at < size:
        file.seek(at)
        start = file.read(_FIELD_START_BYTES)
        tag, used = read_varint(start, 0)
        value, used = read_varint(start, used)
        number, kind = tag >> 3, tag & 7
        at += used
        if kind not in (_VARINT, _BYTES) or number == 0:
            raise MalformedError("is no frozen graph (GraphDef), or is damaged")
        if kind == _BYTES:
            if at + value > size:
                raise MalformedError("is cut short, or is no frozen graph (GraphDef)")
            if number == _NODE_FIELD and value > TENSOR_BYTES + _NODE_BYTES:
                raise MalformedError(f"has a node that {too_large(value)}")
            if number == _NODE_FIELD:
                yield at, value
            at += value


def _read_node(file: BinaryIO, place: tuple[int, int]) -> Any:
    offset, length = place
    file.seek(offset)
    return parse("Node", file.read(length))


def _constant(node: Any) -> Any:
    """Return the tensor of a Const node whose type weights may have; None for other nodes."""
    if node.op == "Const":
        for attribute in node.attr:
            if attribute.key == "value" and is_numeric(attribute.value.tensor.dtype):
                return attribute.value.tensor
    return None


def _info(name: str, tensor: Any) -> TensorInfo:
    """Return what is known of a constant, its shape checked against the bytes it has."""
    dtype = numpy_dtype(tensor.dtype)
    shape = checked_shape(axis.size for axis in tensor.tensor_shape.dim)
    nbytes = prod(shape) * dtype.itemsize
    raw, listed = len(tensor.tensor_content), len(_listed(tensor, dtype))
    if tensor.tensor_shape.unknown_rank or (raw and raw != nbytes) or listed > prod(shape):
        raise MalformedError(f"constant {name!r} has shape {list(shape)}, but other values")
    return TensorInfo(name, dtype.name, shape, nbytes, name)


def _listed(tensor: Any, dtype: np.dtype) -> Any:
    """Return the values that the message lists one by one."""
    return getattr(tensor, _VALUE_FIELDS.get(dtype.name, "int_val"))


def _values(tensor: Any, shape: tuple[int, ...]) -> np.ndarray:
    """Return a constant's values: raw bytes, or a list whose last value fills the rest."""
    dtype = numpy_dtype(tensor.dtype)
    if tensor.tensor_content:
        return np.frombuffer(tensor.tensor_content, dtype).reshape(shape).copy()
    listed = _listed(tensor, dtype)
    if _VALUE_FIELDS.get(dtype.name) == "half_val":  # the bits of each value, as integers
        given = np.array(listed, np.int64).astype(np.uint16).view(dtype)
    elif dtype.kind in "iu":
        wide = np.uint64 if dtype == np.uint64 else np.int64
        given = np.array(listed, wide).astype(dtype)
    else:
        given = np.array(listed, dtype)
    values = np.zeros(prod(shape), dtype)
    values[: len(given)] = given
    if len(given):
        values[len(given) :] = given[-1]
    return values.reshape(shape)


def _variable_names(infos: list[TensorInfo]) -> Iterator[TensorInfo]:
    """Yield the constants under the names of the variables that they were."""
    taken = {info.name for info in infos}
    for info in infos:
        name = info.name.removesuffix(_READ)
        name = info.name if name in taken else name
        yield TensorInfo(name, info.dtype, info.shape, info.nbytes, info.stored_as)
