"""A verification in a process of its own, which gives all its memory back when it is done.

TensorFlow keeps what it once allocated until its process ends: of a large net gigabytes, which
what is compared next would come on top of.
"""

import multiprocessing
import pickle
from functools import partial
from multiprocessing.connection import Connection
from typing import Protocol

from verify.engine import Watcher, verify
from verify.report import Report, TapReport
from verify.spec import PortSpec


class Judge(Protocol):
    """`verify` or one like it, a function of a module."""

    def __call__(self, spec: PortSpec, *, watch: Watcher) -> Report:
        """Compare, telling each tap's report as soon as it is judged."""
        ...


def verify_apart(spec: PortSpec, *, watch: Watcher, judge: Judge = verify) -> Report:
    """`judge(spec, watch=watch)`, elsewhere; `spec` must be one that can be pickled.

    Raises:
        RuntimeError: the process was ended; what fails in it is raised here as it is.
    """
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe(duplex=False)
    # As bytes: tensors would be handed over in shared memory, which containers have little of.
    process = context.Process(target=_serve, args=(pickle.dumps((judge, spec)), theirs))
    process.start()
    theirs.close()
    try:
        while isinstance(message := ours.recv(), TapReport):
            watch(message)
    except EOFError:
        process.join()
        raise RuntimeError(
            f"the process that verified {spec.name} ended with status {process.exitcode}; if it "
            "was killed, memory may have run out"
        ) from None
    finally:
        ours.close()
    process.join()
    if isinstance(message, Exception):
        raise message
    report: Report = message
    return report


def _serve(pickled: bytes, pipe: Connection) -> None:
    """Send every tap's report, then the whole one, or what went wrong."""
    try:
        judge, spec = pickle.loads(pickled)
        pipe.send(judge(spec, watch=partial(_send, pipe)))
    except Exception as error:
        pipe.send(error)


def _send(pipe: Connection, tap: TapReport) -> None:
    pipe.send(tap)
