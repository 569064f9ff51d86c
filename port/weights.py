"""Weights files: safetensors, with what they are and where they came from in the header.

Format: https://github.com/huggingface/safetensors#format. Read through the library; written here,
tensor after tensor, because the library's writer wants all of them in memory twice.
"""

import json
import math
import os
import struct
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from port.atomic import writing
from port.errors import InputError
from port.genotype import Genotype
from port.model import TinyVideoNet
from port.transfer import check_shapes

Result = TypeVar("Result")

FORMAT = "tvn-port/1"
CLASSIFIER = ("head.dense.weight", "head.dense.bias")
# numpy's and ml_dtypes' names: safetensors' name, bytes an element.
DTYPES = {
    "float64": ("F64", 8),
    "float32": ("F32", 4),
    "float16": ("F16", 2),
    "bfloat16": ("BF16", 2),
}


@dataclass(frozen=True)
class Weights:
    """A state dict with what its file says of it.

    `about` holds what else the header says: `class_names`, `source`, `source_sha256`, `versions`.
    """

    genotype: Genotype
    state_dict: dict[str, Tensor]
    about: dict[str, Any] = field(default_factory=dict)

    @property
    def num_classes(self) -> int:
        """How many classes the classifier has."""
        return len(self.state_dict[CLASSIFIER[1]])

    def build(
        self,
        genotype: Genotype | None = None,
        drop_rate: float = 0.5,
        max_pool_predictions: bool = False,
    ) -> TinyVideoNet:
        """The net with these weights; `genotype` where it is to be another than theirs.

        Raises:
            InputError: lists by name what does not fit.
        """
        # Without memory at first, so that no time is spent on weights that are replaced at once.
        with torch.device("meta"):
            net = TinyVideoNet(
                genotype or self.genotype, self.num_classes, drop_rate, max_pool_predictions
            )
        wanted = {key: tuple(tensor.shape) for key, tensor in net.state_dict().items()}
        check_shapes({key: tuple(t.shape) for key, t in self.state_dict.items()}, wanted)
        net.load_state_dict(self.state_dict, assign=True)
        return net


@dataclass(frozen=True, slots=True)
class Entry:
    """One tensor to be written: its key, numpy or ml_dtypes name, shape, and how to get it."""

    key: str
    dtype: str
    shape: tuple[int, ...]
    read: Callable[[], np.ndarray]

    @property
    def size(self) -> int:
        """In bytes."""
        return math.prod(self.shape) * DTYPES[self.dtype][1]


def load_weights(path: str | Path) -> Weights:
    """Read a weights file.

    Raises:
        InputError: there is no such file, it is damaged, or this project did not write it.
    """
    try:
        with safe_open(path, framework="pt") as file:
            header = file.metadata() or {}
            state_dict = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        raise InputError(f"{path}: no readable safetensors file ({error})") from None
    if header.get("format") != FORMAT or not all(key in state_dict for key in CLASSIFIER):
        raise InputError(f"{path}: not a weights file of `tvn convert` or of a training run")
    try:
        about = json.loads(header["about"])
        genotype = Genotype.from_json(header["genotype"])
    except (KeyError, ValueError) as error:
        raise InputError(f"{path}: its header is damaged ({error})") from None
    return Weights(genotype, state_dict, about)


def save_weights(
    path: str | Path,
    genotype: Genotype,
    state_dict: Mapping[str, Tensor],
    about: Mapping[str, Any] | None = None,
) -> None:
    """Write a state dict, whole or not at all; raises InputError where it cannot be written."""
    entries = [
        Entry(
            key,
            str(tensor.dtype).removeprefix("torch."),
            tuple(tensor.shape),
            partial(_as_array, tensor),
        )
        for key, tensor in state_dict.items()
    ]
    stream_weights(path, genotype, entries, lambda: about or {})


def stream_weights(
    path: str | Path,
    genotype: Genotype,
    entries: Sequence[Entry],
    about: Callable[[], Mapping[str, Any]],
    check: Callable[[Entry, np.ndarray], None] | None = None,
) -> None:
    """Write tensors in order, each read when its turn has come and let go when it is written.

    Args:
        path: the file, which appears whole or not at all.
        genotype: goes into the header.
        entries: the tensors. Two at a time are being read, so that one is read and permuted while
            another is written.
        about: what else goes into the header; asked before the first tensor is read and after the
            last one. The second answer is kept, and its JSON must be as long as the first.
        check: is shown every tensor as it is read back from the disk; if it raises, there is no
            file.

    Raises:
        InputError: a type that cannot be stored, or the file cannot be written.
    """
    header = _header(genotype, entries, about())
    with writing(path) as file, ThreadPoolExecutor(2) as pool:
        file.write(header)
        for array in _ahead(pool, [entry.read for entry in entries]):
            file.write(as_bytes(array))
        final = _header(genotype, entries, about())
        assert len(final) == len(header), "the header's length was settled before the data"
        file.seek(0)
        file.write(final)
        file.flush()
        if check is not None:
            syncing = pool.submit(os.fsync, file.fileno())
            for _ in _ahead(pool, _checks(check, file.fileno(), len(header), entries)):
                pass
            syncing.result()


def _header(genotype: Genotype, entries: Sequence[Entry], about: Mapping[str, Any]) -> bytes:
    """The length and the JSON text that stand in front of the data."""
    metadata = {"format": FORMAT, "genotype": genotype.to_json(), "about": json.dumps(about)}
    header: dict[str, Any] = {"__metadata__": metadata}
    offset = 0
    for entry in entries:
        if entry.dtype not in DTYPES:
            raise InputError(f"{entry.key}: weights of type {entry.dtype} cannot be stored")
        end = offset + entry.size
        header[entry.key] = {
            "dtype": DTYPES[entry.dtype][0],
            "shape": entry.shape,
            "data_offsets": [offset, end],
        }
        offset = end
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)  # the data starts at a multiple of eight
    return struct.pack("<Q", len(text)) + text


def _ahead(pool: Executor, calls: Sequence[Callable[[], Result]]) -> Iterator[Result]:
    """The results of `calls` in order, one call computed ahead of the one that is asked for."""
    futures = deque(pool.submit(call) for call in calls[:2])
    for call in (*calls[2:], None, None):
        if futures:
            yield futures.popleft().result()
        if call is not None:
            futures.append(pool.submit(call))


def _checks(
    check: Callable[[Entry, np.ndarray], None], file: int, start: int, entries: Sequence[Entry]
) -> list[Callable[[], None]]:
    """A call for each tensor, which reads it back from the open file `file` and checks it."""

    def read_and_check(entry: Entry, offset: int) -> None:
        data = np.frombuffer(os.pread(file, entry.size, offset), entry.dtype)
        check(entry, data.reshape(entry.shape))

    calls: list[Callable[[], None]] = []
    for entry in entries:
        calls.append(partial(read_and_check, entry, start))
        start += entry.size
    return calls


def as_bytes(array: np.ndarray) -> memoryview:
    """The bytes of a contiguous array, without a copy, whatever its type."""
    return memoryview(array.reshape(-1).view(np.uint8))  # type: ignore[arg-type]


def _as_array(tensor: Tensor) -> np.ndarray:
    """A tensor's bytes; through torch's own view, since numpy knows no bfloat16."""
    return tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy()
