"""Weights files made by hand: any header in front of any bytes."""

import json
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from port import Genotype
from port.convert.weights import as_bytes

BITS = {
    "BOOL": 8, "U8": 8, "I8": 8, "F8_E4M3": 8, "F8_E5M2": 8, "I16": 16, "F16": 16, "BF16": 16,
    "I32": 32, "U32": 32, "F32": 32, "I64": 64, "F64": 64, "C64": 64,
}  # fmt: skip
FLOATS = {"F64": np.float64, "F32": np.float32, "F16": np.float16}


def metadata(net: Genotype, /, **changes: Any) -> dict[str, Any]:
    """What this project writes; a change to None leaves an entry out."""
    data = {"format": "tvn-port/1", "genotype": net.to_json(), "about": "{}"} | changes
    return {name: value for name, value in data.items() if value is not None}


def entries(
    state_dict: Mapping[str, Tensor], types: Mapping[str, str]
) -> dict[str, tuple[str, list[int], bytes]]:
    """Type, shape and bytes of every tensor; the values where a type of numpy's can hold them."""
    found = {}
    for key, tensor in state_dict.items():
        kind = types.get(key, "F32")
        if kind in FLOATS:
            array = np.ascontiguousarray(tensor.numpy().astype(FLOATS[kind]))
            data = bytes(as_bytes(array))
        else:
            data = bytes(tensor.numel() * BITS[kind] // 8)
        found[key] = (kind, list(tensor.shape), data)
    return found


def write(
    path: Path, told: Mapping[str, Any], tensors: Mapping[str, tuple[str, list[int], bytes]]
) -> Path:
    """Write a file of that metadata and those tensors, one behind the other."""
    header: dict[str, Any] = {"__metadata__": told}
    offset = 0
    for key, (kind, shape, data) in tensors.items():
        place = [offset, offset + len(data)]
        header[key] = {"dtype": kind, "shape": shape, "data_offsets": place}
        offset = place[1]
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    path.write_bytes(
        struct.pack("<Q", len(text)) + text + b"".join(d for _, _, d in tensors.values())
    )
    return path
