"""Starting TensorFlow, and what runs on it: late, quietly, with a clear word if absent."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from types import ModuleType
from typing import Any

from port.address_space import require_address_space
from port.errors import InputError

# Under less, TensorFlow's libraries end the process (seen up to 2.5 GB).
LEAST_ADDRESS_SPACE = 4 << 30


def import_keras() -> Any:
    """`keras`.

    Raises:
        InputError: it is not installed.
    """
    return import_quietly("keras")


def import_tensorflow() -> Any:
    """`tensorflow`.

    Raises:
        InputError: it is not installed.
    """
    return import_quietly("tensorflow")


def import_quietly(name: str) -> ModuleType:
    """A module that starts TensorFlow.

    Raises:
        InputError: it, or what it needs, is not installed.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    require_address_space(LEAST_ADDRESS_SPACE, "TensorFlow")
    try:
        with _muted():
            return import_module(name)
    except ModuleNotFoundError as error:
        raise InputError(
            f"{error.name} is not installed, and this runs the original: "
            "pip install 'tvn-port[verify]'"
        ) from None


@contextmanager
def _muted() -> Iterator[None]:
    """No output on stderr's file descriptor, where TensorFlow's libraries greet unasked."""
    sys.stderr.flush()
    saved, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(saved, 2)
        os.close(saved)
        os.close(nowhere)
