"""Names of classes out of a text file, one a line."""

from pathlib import Path

from port.errors import InputError
from port.untrusted import MIB, read_text

NAME_LENGTH = 255  # characters of a class's name, which may be a folder's


def read_class_names(path: str | Path) -> list[str]:
    """The names; empty lines are none.

    Raises:
        InputError: there is no such file, or a name is longer than any name is.
    """
    names = [
        line for line in read_text(path, MIB, "a list of classes").splitlines() if line.strip()
    ]
    for name in names:
        if len(name) > NAME_LENGTH:
            raise InputError(
                f"{path}: a class's name of {len(name):,} characters; at most {NAME_LENGTH}"
            )
    return names
