"""Starting TensorFlow, Keras and the original graph: late, quietly, with a clear word if absent."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

from port.errors import InputError

if TYPE_CHECKING:
    from reference_tf import Original


def import_original() -> "type[Original]":
    """`reference_tf.Original`.

    Raises:
        InputError: TensorFlow is not installed.
    """
    original: type[Original] = _imported("reference_tf").Original
    return original


def import_keras() -> Any:
    """`keras`.

    Raises:
        InputError: it is not installed.
    """
    return _imported("keras")


def import_tensorflow() -> Any:
    """`tensorflow`.

    Raises:
        InputError: it is not installed.
    """
    return _imported("tensorflow")


def _imported(name: str) -> ModuleType:
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
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
