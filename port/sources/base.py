"""What every source of weights offers, and how each names the file when something is wrong."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np

from port.errors import InputError
from port.sources.wire import MalformedError
from port.untrusted import GIB, MIB, open_regular

# Of a file of weights, and of a tensor in it: many times what the widest of these nets has, and
# little enough for a tensor, its packed form and a copy to be in memory together.
FILE_BYTES = 4 * GIB
TENSOR_BYTES = 512 * MIB
# What packed data may unpack to: weights pack to no less than a twentieth, and small files
# (a fresh model's zeros) may pack better than that without harm.
_UNPACKED_RATIO = 20
_UNPACKED_ALWAYS = 64 << 20


@dataclass(frozen=True, slots=True)
class TensorInfo:
    """What a source knows of a tensor without reading its values.

    Attributes:
        name: What the source calls it.
        dtype: The numpy or ml_dtypes name ("float32", "bfloat16", ...), or "string".
        shape: As the file has it.
        nbytes: The bytes its values take, unpacked.
        stored_as: The key in the file; differs from `name` where the file keeps object paths.

    """

    name: str
    dtype: str
    shape: tuple[int, ...]
    nbytes: int
    stored_as: str


class Source(Mapping[str, np.ndarray]):
    """Weights by name. A value is read from disk each time it is asked for, and checked.

    Use as a context manager, or call `close()`. A name that is not there raises KeyError, as
    in any mapping; everything else that is wrong raises InputError.

    Attributes:
        path: What the user named.
        kind: What it is, in words: "TensorFlow checkpoint", "TF1 SavedModel", "TF-Hub module",
            "TF2 SavedModel", "TF2 checkpoint", "frozen graph" or "npz archive", with
            " in a tar archive" after it where it is.

    """

    def __init__(
        self, path: Path, kind: str, infos: Iterable[TensorInfo], files: Iterable[Path]
    ) -> None:
        self.path = path
        self.kind = kind
        self._files = list(files)
        self._infos: dict[str, TensorInfo] = {}
        for info in infos:
            if info.name in self._infos:
                raise refuse(
                    path, f"holds two tensors called {info.name!r}; write it again with one"
                )
            if info.nbytes > TENSOR_BYTES:
                raise refuse(path, f"tensor {info.name!r} {too_large(info.nbytes)}")
            self._infos[info.name] = info

    @abstractmethod
    def _read(self, info: TensorInfo) -> np.ndarray:
        """Return the tensor's values in an array that is the caller's own."""

    def __getitem__(self, name: str) -> np.ndarray:
        return self._read(self._infos[name])

    def __iter__(self) -> Iterator[str]:
        return iter(self._infos)

    def __len__(self) -> int:
        return len(self._infos)

    def __contains__(self, name: object) -> bool:
        return name in self._infos  # the inherited one would read the tensor

    def info(self, name: str) -> TensorInfo:
        """Return what is known of one tensor without reading it."""
        return self._infos[name]

    def infos(self) -> list[TensorInfo]:
        """Return what is known of every tensor, in the file's order, without reading any."""
        return list(self._infos.values())

    def files(self) -> list[Path]:
        """Return every file that is read from."""
        return list(self._files)

    def close(self) -> None:
        """Let go of what the source holds open. It may be called twice."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def refuse(path: Path, problem: str) -> InputError:
    """Return the error that says in one line what is wrong with the file at `path`."""
    return InputError(" ".join(f"{path}: {problem}".splitlines()))


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """Turn what goes wrong inside while `path` is read into an InputError that names it."""
    try:
        yield
    except MalformedError as error:
        raise refuse(path, str(error)) from error
    except OSError as error:
        raise refuse(
            path, f"cannot be read ({error.strerror or error}); check it is there"
        ) from error


def open_weights(path: Path) -> BufferedReader:
    """Open a file of weights of any form; raises InputError where it is no regular one."""
    return open_regular(path, FILE_BYTES, "a file of weights")


def too_large(nbytes: int, limit: int = TENSOR_BYTES) -> str:
    """What is wrong with a tensor of so many bytes, for after its name."""
    return f"takes {nbytes:,} bytes; a tensor of these nets has at most {limit:,}"


def unpack_limit(stored: int) -> int:
    """Return how many bytes a file of `stored` bytes may unpack to: weights stay below."""
    return min(FILE_BYTES, max(_UNPACKED_ALWAYS, _UNPACKED_RATIO * stored))


def check_unpacked(path: Path, what: str, unpacked: int, stored: int) -> None:
    """Refuse data that says it unpacks to far more bytes than weights ever do.

    Args:
        path: The file to name.
        what: What in it is packed, for the message.
        unpacked: Bytes it says it unpacks to.
        stored: Bytes it takes on disk.

    Raises:
        InputError: `unpacked` is over both 64 MiB and twenty times `stored`.

    """
    if unpacked > unpack_limit(stored):
        raise refuse(
            path,
            f"{what} would unpack from {stored} to {unpacked} bytes, which weights do not; "
            "unpack it yourself if you trust it",
        )
