"""Verifications in a process of their own, which gives all its memory back when it ends.

TensorFlow keeps what it once allocated until its process ends: of a large net gigabytes, which
what is compared next would come on top of.
"""

import multiprocessing
import pickle
from contextlib import suppress
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Any, Protocol

from port.memory import keep_freed_memory
from verify.engine.inference import Watcher, verify
from verify.reports.report import Report, TapReport
from verify.specs.spec import PortSpec


class Judge(Protocol):
    """`verify` or one like it, a function of a module."""

    def __call__(self, spec: PortSpec, *, watch: Watcher) -> Report:
        """Compare, telling each tap's report as soon as it is judged."""
        ...


class Apart:
    """One process that verifies one spec after the other; the first of them starts it."""

    def __init__(self) -> None:
        self._process: BaseProcess | None = None
        self._pipe: Connection | None = None

    def verify(self, spec: PortSpec, *, watch: Watcher, judge: Judge = verify) -> Report:
        """`judge(spec, watch=watch)`, elsewhere; `spec` must be one that can be pickled.

        Raises:
            RuntimeError: the process was ended; what fails in it is raised here as it is.
        """
        if self._pipe is None:
            self._start()
        # As bytes: tensors would be handed over in shared memory, of which containers have little.
        message = self._asked(spec.name, pickle.dumps((judge, spec)))
        while isinstance(message, TapReport):
            watch(message)
            message = self._asked(spec.name)
        if isinstance(message, Exception):
            raise message
        report: Report = message
        return report

    def _asked(self, name: str, request: bytes | None = None) -> Any:
        """The next message, after sending `request`, if any."""
        assert self._pipe is not None and self._process is not None
        try:
            if request is not None:
                self._pipe.send_bytes(request)
            return self._pipe.recv()
        except (EOFError, OSError):
            process = self._process
            self.close()
            raise RuntimeError(
                f"the process that verified {name} ended with status {process.exitcode}; if it was "
                "killed, memory may have run out"
            ) from None

    def close(self) -> None:
        """End the process; another verification starts another one."""
        if self._pipe is not None and self._process is not None:
            self._pipe.close()
            self._process.join()
        self._pipe = self._process = None

    def _start(self) -> None:
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(theirs,), daemon=True)
        self._process.start()
        theirs.close()


def _serve(pipe: Connection) -> None:
    """For each spec send every tap's report, then the whole one, or what went wrong."""
    keep_freed_memory()
    with suppress(EOFError, ConnectionError):  # the other end closes when it has no more
        while True:
            request = pipe.recv_bytes()
            try:
                judge, spec = pickle.loads(request)
                pipe.send(judge(spec, watch=pipe.send))
            except Exception as error:
                pipe.send(_sendable(error))


def _sendable(error: Exception) -> Exception:
    """The error, or its text where it holds what cannot be sent, such as part of a graph."""
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:
        return RuntimeError(f"{type(error).__name__}: {error}")
    return error
