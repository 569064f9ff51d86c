"""numpy's `.npz` archives: a zip of one `.npy` file for each tensor.

Formats: numpy's `numpy.lib.format` page. Pickled objects are never loaded.
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from math import prod
from os import SEEK_END
from pathlib import Path
from typing import IO, BinaryIO, cast

import numpy as np

from port.sources.base import Source, TensorInfo, check_unpacked, open_weights, refuse
from port.sources.tensors import checked_shape
from port.sources.wire import MalformedError

_NUMBERS = "biuf"
_MOST_READ = 32 << 20  # the list has some 100 bytes an array; values are read in smaller pieces
# Only these unpack no further than asked; numpy writes no other.
_COMPRESSIONS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_HEADERS = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}


class NpzSource(Source):
    """The arrays of an `.npz` archive, each unpacked when it is asked for.

    Args:
        path: The archive.

    Raises:
        InputError: It is damaged, or holds something else than arrays of numbers.

    """

    def __init__(self, path: Path) -> None:
        self._file = open_weights(path)
        try:
            stored = self._file.seek(0, SEEK_END)
            with _damage(path, "the archive"):
                self._zip = zipfile.ZipFile(cast(IO[bytes], _Pieces(self._file, stored)))
            members = self._zip.infolist()
            unpacked = sum(member.file_size for member in members)
            check_unpacked(path, "it", unpacked, stored)
            infos = [_member_info(path, self._zip, member) for member in members]
            super().__init__(path, "npz archive", infos, [path])
        except BaseException:
            self._file.close()
            raise

    def _read(self, info: TensorInfo) -> np.ndarray:
        with (
            _damage(self.path, f"array {info.name!r}"),
            self._zip.open(f"{info.stored_as}.npy") as file,
        ):
            array = np.lib.format.read_array(file, allow_pickle=False)
        return array.astype(array.dtype.newbyteorder("="), order="C", copy=False)

    def close(self) -> None:
        """Close the archive."""
        self._file.close()


class _Pieces:
    """The file, of which no more is read at once than a list of its arrays can need."""

    def __init__(self, file: BinaryIO, size: int) -> None:
        self._file, self._size = file, size
        self.seek, self.tell, self.seekable = file.seek, file.tell, file.seekable
        self.close = file.close

    def read(self, size: int = -1) -> bytes:
        left = self._size - self._file.tell()
        size = min(size, left) if size >= 0 else left
        if size > _MOST_READ:
            raise MalformedError("its list of arrays is far too long")
        return self._file.read(size)


def _member_info(path: Path, archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> TensorInfo:
    """Return what an array's header says, checked against the bytes that follow it."""
    key = member.filename.removesuffix(".npy")
    if key == member.filename:
        raise refuse(path, f"holds {key!r}, which is no array; is it an .npz archive?")
    with _damage(path, f"array {key!r}"):
        if member.compress_type not in _COMPRESSIONS:
            raise MalformedError("packed in a way numpy does not write")
        with archive.open(member) as file:
            version = np.lib.format.read_magic(file)
            if version not in _HEADERS:
                raise MalformedError(f"in npy format {version}")
            shape, _, dtype = _HEADERS[version](file)
            start = file.tell()
        shape = checked_shape(shape)
        nbytes = prod(shape) * dtype.itemsize
    if dtype.kind not in _NUMBERS:
        raise refuse(path, f"array {key!r} has type {dtype}, which weights do not have; drop it")
    if start + nbytes != member.file_size:
        raise refuse(
            path,
            f"array {key!r} has shape {list(shape)} of {dtype.name}, which is not the "
            f"{member.file_size - start} bytes stored; save it again",
        )
    return TensorInfo(key.removesuffix(":0"), dtype.name, shape, nbytes, key)


@contextmanager
def _damage(path: Path, what: str) -> Iterator[None]:
    """Turn whatever damaged bytes make zipfile and numpy trip over into an InputError.

    They raise a dozen types between them, and document none.
    """
    try:
        yield
    except Exception as error:
        reason = next(iter(str(error).splitlines()), type(error).__name__)
        raise refuse(path, f"{what} cannot be read ({reason}); copy it again") from error
