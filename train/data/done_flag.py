"""Data workers that may be killed at any moment without leaving the run to wait for them."""

import copy
import ctypes
import multiprocessing
from multiprocessing.context import BaseContext
from multiprocessing.sharedctypes import RawValue


class DoneFlag:
    """What of `multiprocessing.Event` a data loader uses, without a lock.

    An event's `is_set` holds a lock that its `set` waits for. A worker killed in between, by the
    system or at the end of a run, never lets go of it, and the loader that then tells its workers
    to end waits for ever.
    """

    def __init__(self) -> None:
        self._value = RawValue(ctypes.c_bool, False)

    def set(self) -> None:
        """Tell the workers to end."""
        self._value.value = True

    def is_set(self) -> bool:
        """Whether they are to end."""
        return bool(self._value.value)


def killable_workers() -> BaseContext:
    """The `multiprocessing_context` of a data loader: the platform's own, with `DoneFlag`s."""
    context = copy.copy(multiprocessing.get_context())
    context.Event = DoneFlag  # type: ignore[method-assign, assignment]
    return context
