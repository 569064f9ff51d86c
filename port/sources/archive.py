"""Tar archives of model folders, as TF-Hub serves them: unpacked to a temporary folder, safely.

Only the members that hold weights are unpacked, and no further than weights ever pack.
"""

from __future__ import annotations

import gzip
import re
import shutil
import tarfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from os import SEEK_END
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from typing import IO, cast

import numpy as np

from port.errors import InputError
from port.sources.base import Source, TensorInfo, naming, open_weights, refuse, unpack_limit
from port.sources.wire import MalformedError

_GZIP = b"\x1f\x8b"
# What a model's folder needs: nothing of assets, event logs and graphs of training.
_WEIGHTS = re.compile(
    r".*/(variables/[^/]+|[^/]+\.index|[^/]+\.data-[^/]+|checkpoint|[^/]+\.pb)", re.DOTALL
)
_MAX_MEMBERS = 10_000
_CHUNK = 1 << 20


class ArchiveSource(Source):
    """The source found in a tar archive. Its temporary folder is removed on `close()`.

    Args:
        path: The archive.
        open_folder: What opens the folder once unpacked.

    Raises:
        InputError: The archive is damaged or hostile, or holds nothing that can be read.

    """

    def __init__(self, path: Path, open_folder: Callable[[Path], Source]) -> None:
        self._folder = TemporaryDirectory(prefix="tvn-")
        try:
            folder = Path(self._folder.name).resolve()
            _unpack(path, folder)
            with self._naming_archive(path):
                self._inner = open_folder(_innermost(folder))
            if not all(file.resolve().is_relative_to(folder) for file in self._inner.files()):
                raise refuse(path, "names a checkpoint outside itself; unpack it and name that")
        except BaseException:
            self._folder.cleanup()
            raise
        kind = f"{self._inner.kind} in a tar archive"
        super().__init__(path, kind, self._inner.infos(), [path])

    def _read(self, info: TensorInfo) -> np.ndarray:
        with self._naming_archive(self.path):
            return self._inner[info.name]

    def close(self) -> None:
        """Remove the temporary folder."""
        self._inner.close()
        self._folder.cleanup()

    @contextmanager
    def _naming_archive(self, path: Path) -> Iterator[None]:
        """Have errors name the archive, which the user knows, not the temporary folder."""
        folder = Path(self._folder.name).resolve()
        try:
            yield
        except InputError as error:
            raise InputError(str(error).replace(str(folder), str(path))) from error


class _Limited:
    """The unpacked stream, refusing to go beyond `limit`, or to hold much of it at once.

    tarfile reads some headers whole, whatever size they state.
    """

    def __init__(self, file: IO[bytes], limit: int) -> None:
        self._file = file
        self._limit = limit

    def read(self, size: int) -> bytes:
        if not 0 <= size <= _CHUNK or self._file.tell() + size > self._limit:
            raise MalformedError("unpacks to far more than weights do, or is damaged")
        return self._file.read(size)

    def seek(self, offset: int) -> int:
        return self._file.seek(offset)

    def tell(self) -> int:
        return self._file.tell()


def _unpack(path: Path, folder: Path) -> None:
    """Write the members that hold weights into `folder`, after checking every member."""
    with naming(path), _sound_tar(), open_weights(path) as packed:
        limit = unpack_limit(packed.seek(0, SEEK_END))
        packed.seek(0)
        zipped = packed.read(len(_GZIP)) == _GZIP
        packed.seek(0)
        stream = cast(IO[bytes], gzip.GzipFile(fileobj=packed) if zipped else packed)
        limited = cast(IO[bytes], _Limited(stream, limit))
        with tarfile.open(fileobj=limited, mode="r:") as tar:
            for number, member in enumerate(tar):
                if number == _MAX_MEMBERS:
                    raise MalformedError(f"has over {_MAX_MEMBERS} members; unpack it yourself")
                _check(member, limit)
                target = folder / member.name
                if member.isfile() and _WEIGHTS.fullmatch(f"/{target.relative_to(folder)}"):
                    _extract(tar, member, target)


def _check(member: tarfile.TarInfo, limit: int) -> None:
    """Refuse a member that would not stay a plain file or folder within the archive's own."""
    name = PurePosixPath(member.name)
    if name.is_absolute() or ".." in name.parts or "\0" in member.name:
        problem = "would be unpacked outside its folder"
    elif member.islnk() or member.issym():
        problem = "is a link"
    elif not (member.isfile() or member.isdir()) or member.issparse():
        problem = "is a device or other special file"
    elif member.size < 0 or member.offset_data + member.size > limit:
        problem = f"states {member.size} bytes, far more than weights unpack to"
    else:
        return
    raise MalformedError(f"member {member.name!r} {problem}; fetch it from where you trust")


def _extract(tar: tarfile.TarFile, member: tarfile.TarInfo, target: Path) -> None:
    """Write one member, in pieces."""
    target.parent.mkdir(parents=True, exist_ok=True)
    packed = cast(IO[bytes], tar.extractfile(member))  # None is for members that are no files
    with packed, target.open("xb") as file:
        shutil.copyfileobj(packed, file, _CHUNK)


def _innermost(folder: Path) -> Path:
    """Return the first folder inside that is not just a folder around another."""
    while len(items := list(folder.iterdir())) == 1 and items[0].is_dir():
        folder = items[0]
    return folder


@contextmanager
def _sound_tar() -> Iterator[None]:
    """Turn what tarfile and the unpacking raise over damaged bytes into MalformedError."""
    try:
        yield
    except MalformedError:
        raise
    except (tarfile.TarError, zlib.error, EOFError, ValueError, RecursionError) as error:
        raise MalformedError(f"is no sound tar archive ({error}); fetch it again") from error
