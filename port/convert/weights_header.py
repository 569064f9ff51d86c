"""The header of a weights file: checked as a whole before anything in the file is used.

What a header may hold is what `port.convert.weights` writes: `format`, the `genotype`, `about`, and
for every tensor of that net, and no other, a float type and its shape.
"""

import json
import math
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from port.convert.names import table
from port.convert.state_dict import MisfitError, check_shapes, class_count
from port.errors import InputError
from port.genotype import Genotype
from port.sources import open_source
from port.text import visible
from port.untrusted import GIB, JSON_BYTES, open_regular, parse_json

FORMAT = "tvn-port/1"
BIAS = "head.dense.bias"
# Of 268 million weights in float32; the largest published net has one thirtieth of that.
MOST_BYTES = GIB
# numpy's and ml_dtypes' names: safetensors' name, bytes an element.
DTYPES = {
    "float64": ("F64", 8),
    "float32": ("F32", 4),
    "float16": ("F16", 2),
    "bfloat16": ("BF16", 2),
}
_LENGTH = 8  # bytes in front, that say how long the header is
_FLOATS = {name for name, _ in DTYPES.values()}


@dataclass(frozen=True, slots=True)
class Header:
    """What a weights file says of itself; `about` is JSON's."""

    genotype: Genotype
    about: dict[str, Any]


def check_file(path: str | Path) -> None:
    """See that a file can be a weights file: a regular one, neither it nor its header too long.

    Raises:
        InputError: it cannot; where it holds TensorFlow weights, says how to convert them.
    """
    try:
        with open_regular(path, MOST_BYTES, "a weights file") as file:
            length = file.read(_LENGTH)
    except InputError:
        _refuse_tensorflow(path)
        raise
    if len(length) < _LENGTH or struct.unpack("<Q", length)[0] > JSON_BYTES:
        _refuse_tensorflow(path)
        raise InputError(f"{path}: no readable safetensors file (it does not begin as one)")


def _refuse_tensorflow(path: str | Path) -> None:
    """Say what to do with TensorFlow weights, if this is where some are."""
    try:
        with open_source(path) as source:
            kind = source.kind
    except InputError:
        return
    raise InputError(
        f"{path}: TensorFlow weights ({kind}); convert them first: tvn convert --source={path} "
        "--output=W.safetensors"
    )


def read_header(path: str | Path, file: Any) -> Header:
    """Check all that a file says of itself; `file` is what safetensors' `safe_open` opened.

    Raises:
        InputError: names what is missing, damaged or does not fit.
    """
    metadata = file.metadata() or {}
    if metadata.get("format") != FORMAT:
        raise InputError(f"{path}: not a weights file of `tvn convert` or of a training run")
    genotype = _genotype(path, _parsed(path, metadata, "genotype"))
    slices = {key: file.get_slice(key) for key in file.keys()}  # noqa: SIM118
    shapes = {key: tuple(each.get_shape()) for key, each in slices.items()}
    classes = _check_shapes(path, shapes, genotype)
    for key, each in slices.items():
        if each.get_dtype() not in _FLOATS:
            known = ", ".join(DTYPES)
            raise InputError(f"{path}: {key} is of type {each.get_dtype()}; it must be {known}")
    return Header(genotype, _about(path, _parsed(path, metadata, "about"), classes))


def write_header(genotype: Genotype, about: Mapping[str, Any]) -> dict[str, str]:
    """The metadata that `read_header` reads; a number that is none, as a loss may be, is null."""
    about = _finite(about)
    return {"format": FORMAT, "genotype": genotype.to_json(), "about": json.dumps(about)}


def _finite(value: Any) -> Any:
    match value:
        case Mapping():
            return {key: _finite(item) for key, item in value.items()}
        case list() | tuple():
            return [_finite(item) for item in value]
        case float() if not math.isfinite(value):
            return None
    return value


def _parsed(path: str | Path, metadata: Mapping[str, str], name: str) -> Any:
    if name not in metadata:
        raise InputError(f"{path}: its header is damaged ({name!r} is missing)")
    return parse_json(metadata[name], f"{path}: its header is damaged: {name}")


def _genotype(path: str | Path, data: Any) -> Genotype:
    try:
        return Genotype.from_dict(data)
    except InputError as error:
        raise InputError(f"{path}: its header is damaged ({visible(error)})") from None


def _check_shapes(
    path: str | Path, shapes: Mapping[str, tuple[int, ...]], genotype: Genotype
) -> int:
    """See that the tensors are the net's; gives the number of classes."""
    try:
        classes = class_count(shapes, BIAS)
        rows = table(genotype, classes)
        check_shapes(
            shapes, {r.torch_key: tuple(r.tf_shape[axis] for axis in r.layout.axes) for r in rows}
        )
    except MisfitError as error:
        raise error.shortened(path) from None
    except InputError as error:
        raise InputError(f"{path}: {visible(error)}") from None
    return classes


def _about(path: str | Path, data: Any, classes: int) -> dict[str, Any]:
    if not isinstance(data, dict):
        raise InputError(f"{path}: its header is damaged (about is no object with named fields)")
    names = data.get("class_names")
    if names is None:
        return data
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise InputError(f"{path}: its header is damaged (class_names is no list of names)")
    if len(names) != classes:
        raise InputError(f"{path}: names {len(names)} classes and has {classes}")
    return data
