"""Files that other people made: regular files only, no larger than their format needs.

Whatever opens a path that a user, a folder or another file names does so here. Nothing here waits:
no pipe for its writer, no device for its data. Needs the standard library alone.
"""

import json
import os
import re
import stat
from io import BufferedReader
from pathlib import Path
from typing import Any

from port.errors import InputError

KIB, MIB, GIB = 1 << 10, 1 << 20, 1 << 30
# The record of a conversion is the longest JSON here: some 400 bytes for each of up to a few
# thousand variables. Of the shortest values, so much text unpacks to less than 1 GB.
JSON_BYTES = 16 * MIB
JSON_DEPTH = 32  # lists and objects inside one another; what is written here has at most eight
JSON_DIGITS = 40  # of a whole number: twice what 64 bits have, so that fields name what is wrong

_KINDS = {
    stat.S_IFDIR: "a folder",
    stat.S_IFIFO: "a pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}
# A bracket outside of strings. A string without an end reaches to the end, for one pass over all.
_BRACKETS = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+"?|([\[{])|([\]}])', re.DOTALL)


def open_regular(path: str | Path, limit: int, what: str) -> BufferedReader:
    """Open a file for reading; links are followed, if they lead to a regular file.

    Args:
        path: the file.
        limit: the most bytes that a file of this format can need.
        what: the format with its article, for the message ("a genotype").

    Raises:
        InputError: there is no such file, it is none that is stored on a disk (but a folder, pipe,
            socket, device or file of `/proc`), or it is larger than `limit`.
    """
    try:
        # Before it is opened, since to open some devices is to set them off.
        _check_kind(path, _look_at(path), limit, what)
        number = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)
    except OSError as error:
        raise _unreadable(path, error) from None
    file = os.fdopen(number, "rb")
    try:
        about = os.fstat(number)  # what was opened, should another have taken its place
        _check_kind(path, about, limit, what)
        if about.st_size == 0 and os.pread(number, 1, 0):
            raise InputError(f"{path}: the system's own file, of no size; copy it and name that")
    except OSError as error:
        file.close()
        raise _unreadable(path, error) from None
    except BaseException:
        file.close()
        raise
    return file


def read_bytes(path: str | Path, limit: int, what: str) -> bytes:
    """The whole content of a file; arguments and errors as of `open_regular`."""
    with open_regular(path, limit, what) as file:
        try:
            data = file.read(limit + 1)
        except OSError as error:
            raise _unreadable(path, error) from None
    if len(data) > limit:  # it has grown since
        raise _too_large(path, len(data), limit, what)
    return data


def read_text(path: str | Path, limit: int, what: str) -> str:
    """The whole content of a UTF-8 file, with or without a byte order mark.

    Raises:
        InputError: as `open_regular`, and where it is no UTF-8.
    """
    try:
        return read_bytes(path, limit, what).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(
            f"{path}: no UTF-8 text, as {what} is (byte {error.start}: {error.reason})"
        ) from None


def read_json(path: str | Path, what: str, limit: int = JSON_BYTES) -> Any:
    """What a JSON file holds.

    Raises:
        InputError: as `read_text` and `parse_json`; begins with the path.
    """
    return parse_json(read_text(path, limit, what), str(path), limit)


def parse_json(text: str, where: str, limit: int = JSON_BYTES) -> Any:
    """What a JSON text says: objects, lists, strings, bool, None and finite numbers.

    Args:
        text: the JSON.
        where: where it stands, for the message, which begins with it.
        limit: characters of it.

    Raises:
        InputError: it is no JSON, is longer than `limit`, is nested deeper than `JSON_DEPTH`, or
            has a number that is not finite or a whole one of over `JSON_DIGITS` digits.
    """
    if len(text) > limit:
        raise InputError(f"{where}: JSON of {len(text):,} characters; at most {limit:,} are read")
    _check_depth(text, where)
    try:
        return json.loads(text, parse_int=_whole, parse_float=_finite, parse_constant=_finite)
    except ValueError as error:
        raise InputError(f"{where}: not JSON ({error})") from None


def _look_at(path: str | Path) -> os.stat_result:
    try:
        return Path(path).stat()
    except ValueError:  # a null byte, or a surrogate that stands for no byte
        raise InputError(f"{path}: is no path; name a file") from None


def _check_kind(path: str | Path, about: os.stat_result, limit: int, what: str) -> None:
    kind = stat.S_IFMT(about.st_mode)
    if kind != stat.S_IFREG:
        raise InputError(f"{path}: {_KINDS.get(kind, 'a special file')}; name a regular file")
    if about.st_size > limit:
        raise _too_large(path, about.st_size, limit, what)


def _too_large(path: str | Path, size: int, limit: int, what: str) -> InputError:
    return InputError(
        f"{path}: {size:,} bytes, and {what} has at most {limit:,}; name another file"
    )


def _unreadable(path: str | Path, error: OSError) -> InputError:
    if isinstance(error, FileNotFoundError):
        linked = Path(path).is_symlink()
        return InputError(f"{path}: {'a link to nothing' if linked else 'no such file'}")
    return InputError(f"{path}: cannot be read ({error.strerror or error})")


def _check_depth(text: str, where: str) -> None:
    depth = 0
    for match in _BRACKETS.finditer(text):
        opens, closes = match.groups()
        depth += (opens is not None) - (closes is not None)
        if depth > JSON_DEPTH:
            raise InputError(f"{where}: JSON nested over {JSON_DEPTH} deep")


def _whole(digits: str) -> int:
    if len(digits) > JSON_DIGITS:
        raise ValueError(f"a number of {len(digits):,} digits")
    return int(digits)


def _finite(digits: str) -> float:
    number = float(digits)  # takes the words NaN and Infinity, too
    if not abs(number) < float("inf"):
        raise ValueError(f"{digits[:JSON_DIGITS]} is no finite number")
    return number
