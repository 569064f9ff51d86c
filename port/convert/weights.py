"""Weights files: safetensors, with what they are and where they came from in the header.

Format: https://github.com/huggingface/safetensors#format. Read through the library; written here,
tensor after tensor, because the library's writer wants all of them in memory twice.
"""

import json
import math
import os
import struct
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from itertools import accumulate
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from port.atomic import writing
from port.convert.input_channels import adapt_input
from port.convert.state_dict import check_shapes
from port.convert.weights_header import BIAS, DTYPES, check_file, read_header, write_header
from port.errors import InputError
from port.genotype import Genotype
from port.model import COLOURS, TinyVideoNet
from port.text import visible
from port.which_net import has_layers_of, layer_difference, name_of

FLUSHED_AT_ONCE = 1 << 25  # bytes


@dataclass(frozen=True)
class Weights:
    """A state dict with what its file says of it.

    `about` holds what else the header says: `class_names`, `source`, `source_sha256`, `versions`;
    `path` is the file.
    """

    genotype: Genotype
    state_dict: dict[str, Tensor]
    about: dict[str, Any] = field(default_factory=dict)
    path: str | Path = "weights"

    @property
    def num_classes(self) -> int:
        """How many classes the classifier has."""
        return len(self.state_dict[BIAS])

    def build(
        self,
        genotype: Genotype | None = None,
        drop_rate: float = 0.5,
        max_pool_predictions: bool = False,
        *,
        global_pool: str = "avg",
        in_chans: int = COLOURS,
    ) -> TinyVideoNet:
        """The net with these weights, held exactly: in float64 if any of them is, else in float32.

        Args:
            genotype: where the clips are to be other ones than theirs; the layers must be theirs.
            drop_rate: dropout of the head, in training.
            max_pool_predictions: the published head that pools over frames by maximum.
            global_pool: see `TinyVideoNet`.
            in_chans: channels of a clip. What reads the clip is adapted to others than three, see
                `adapt_input`.

        Raises:
            InputError: `genotype` is that of another net, or weights that were not read from a file
                do not fit; lists them by name.
        """
        if genotype is not None and not has_layers_of(genotype, self.genotype):
            names = name_of(self.genotype), name_of(genotype)
            raise InputError(
                f"{self.path}: weights of {names[0]}, not of {names[1]} "
                f"({layer_difference(self.genotype, genotype)})"
            )
        # Without memory at first, so that no time is spent on weights that are replaced at once.
        with torch.device("meta"):
            net = TinyVideoNet(
                genotype or self.genotype,
                self.num_classes,
                drop_rate,
                max_pool_predictions,
                global_pool=global_pool,
                in_chans=in_chans,
            )
        types = {tensor.dtype for tensor in self.state_dict.values()}
        dtype = torch.float64 if torch.float64 in types else torch.float32
        # Copied out of the mapped file, where a tensor begins at any multiple of eight bytes: how
        # memory is aligned can decide in which order a kernel adds up.
        owned = {key: tensor.to(dtype, copy=True) for key, tensor in self.state_dict.items()}
        wanted = {key: tuple(tensor.shape) for key, tensor in net.state_dict().items()}
        if in_chans != COLOURS:
            owned = adapt_input(owned, wanted, COLOURS, in_chans)
        check_shapes({key: tuple(t.shape) for key, t in owned.items()}, wanted)
        net.load_state_dict(owned, assign=True)
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
    """Read a weights file; what its header says is checked before a tensor is read.

    Raises:
        InputError: there is no such file, it is damaged, this project did not write it, or it holds
            NaN or infinity. The message is one line that begins with the path.
    """
    check_file(path)
    try:
        with safe_open(path, framework="pt") as file:
            header = read_header(path, file)
            state_dict = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        raise InputError(f"{path}: no readable safetensors file ({visible(error)})") from None
    for key, tensor in state_dict.items():
        if not bool(torch.isfinite(tensor).all()):
            raise InputError(f"{path}: {key} holds NaN or infinity; the training that wrote it "
                             "diverged, or the file is damaged")  # fmt: skip
    return Weights(header.genotype, state_dict, header.about, path)


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
    """Write tensors, each read when its turn has come and let go when it is written and checked.

    Args:
        path: the file, which appears whole or not at all.
        genotype: goes into the header.
        entries: the tensors, in their order in the file. Two at a time are worked on.
        about: what else goes into the header; asked before the first tensor is read and after the
            last one. The second answer is kept, and its JSON must be as long as the first.
        check: is shown every tensor as it is read back from the file; if it raises, there is no
            file.

    Raises:
        InputError: a type that cannot be stored, or the file cannot be written.
    """
    header = _header(genotype, entries, about())
    places = accumulate((entry.size for entry in entries), initial=len(header))
    with writing(path) as whole, ThreadPoolExecutor(2) as pool, ThreadPoolExecutor(1) as flusher:
        file, flushed, flushes = whole.fileno(), 0, list[Future[None]]()

        def transfer(entry: Entry, place: int) -> int:
            _write_at(file, as_bytes(entry.read()), place)
            if check is not None:
                data = np.frombuffer(os.pread(file, entry.size, place), entry.dtype)
                check(entry, data.reshape(entry.shape))
            return place + entry.size

        for end in pool.map(transfer, entries, places):
            if end - flushed > FLUSHED_AT_ONCE:  # so that the disk works while the rest is read
                flushes.append(flusher.submit(os.fsync, file))
                flushed = end
        for flush in flushes:
            flush.result()  # the system tells of a failed write once only
        final = _header(genotype, entries, about())
        assert len(final) == len(header), "the header's length was settled before the data"
        _write_at(file, memoryview(final), 0)


def _write_at(file: int, data: memoryview, place: int) -> None:
    """Write all of `data`; the system may take it in parts."""
    while data:
        written = os.pwrite(file, data, place)
        data, place = data[written:], place + written


def _header(genotype: Genotype, entries: Sequence[Entry], about: Mapping[str, Any]) -> bytes:
    """The length and the JSON text that stand in front of the data."""
    header: dict[str, Any] = {"__metadata__": write_header(genotype, about)}
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


def as_bytes(array: np.ndarray) -> memoryview:
    """The bytes of a contiguous array, without a copy, whatever its type."""
    return memoryview(array.reshape(-1).view(np.uint8))  # type: ignore[arg-type]


def _as_array(tensor: Tensor) -> np.ndarray:
    """A tensor's bytes; through torch's own view, since numpy knows no bfloat16."""
    return tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy()
