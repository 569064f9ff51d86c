"""A server in a process of its own, which gives all its memory back when it ends."""

import multiprocessing
import pickle
import signal
from collections.abc import Callable
from contextlib import suppress
from enum import Enum
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Any

# Is handed what there is to tell before the answer is ready.
Tell = Callable[[Any], None]
# What is served: the answer to a request, which may tell things on the way.
Answer = Callable[[Any, Tell], Any]


class _Kind(Enum):
    """Of a message from the process."""

    TOLD = "told"
    ANSWERED = "answered"
    RAISED = "raised"


class ProcessServer:
    """One process that answers one request after the other; the first of them starts it.

    TensorFlow keeps what it once allocated until its process ends, and of a large net that is, on
    top of what is computed next, more than many machines have.

    Args:
        make: makes what answers, in the process. It is sent there, so it must be picklable, and
            the main module of the program must be one that can be imported again. If it raises,
            so does every request.
    """

    def __init__(self, make: Callable[[], Answer]) -> None:
        self._make = make
        self._started: tuple[BaseProcess, Connection] | None = None

    def ask(self, request: Any, *, what: str, watch: Tell | None = None) -> Any:
        """The answer to `request`; both must be picklable.

        Args:
            request: for what `make` made.
            what: is done there, for the message of an error.
            watch: called with all that is told on the way.

        Raises:
            RuntimeError: the process ended; what fails in it is raised here as it is, or in words
                where it cannot be sent. The next request finds a working process in any case.
        """
        if self._started is None:
            self._started = self._start()
        # As bytes: tensors would be handed over in shared memory, of which containers have little.
        sent = pickle.dumps(request)
        try:
            return self._exchange(sent, watch)
        except _Ended as ended:
            self.close()
            raise RuntimeError(
                f"the process that {what} ended with status {ended.process.exitcode}; if it was "
                "killed, memory may have run out"
            ) from None

    def close(self) -> None:
        """End the process; another request starts another one. More than once does no harm."""
        if self._started is not None:
            process, pipe = self._started
            self._started = None
            pipe.close()
            process.join()

    def _exchange(self, sent: bytes, watch: Tell | None) -> Any:
        kind, content = self._next(sent)
        while kind is _Kind.TOLD:
            if watch is not None:
                try:
                    watch(content)
                except BaseException:
                    self._abandon()
                    raise
            kind, content = self._next()
        if kind is _Kind.RAISED:
            raise content
        return content

    def _next(self, sent: bytes | None = None) -> tuple[_Kind, Any]:
        """The next message, after sending a request, if any."""
        assert self._started is not None
        process, pipe = self._started
        try:
            if sent is not None:
                pipe.send_bytes(sent)
            message: tuple[_Kind, Any] = pipe.recv()
        except (EOFError, OSError):
            raise _Ended(process) from None
        except BaseException:  # such as an interrupt: nobody is left to read the answer
            self._abandon()
            raise
        return message

    def _abandon(self) -> None:
        """End the process amid an answer, which the next request would take for its own."""
        if self._started is not None:
            self._started[0].kill()
        self.close()

    def _start(self) -> tuple[BaseProcess, Connection]:
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe()
        process = context.Process(target=_serve, args=(self._make, theirs), daemon=True)
        # Deaf to Ctrl-C, which reaches all processes of a terminal: this one answers and ends it.
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            process.start()
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
        theirs.close()
        return process, ours


class _Ended(Exception):  # noqa: N818
    """The process is no more."""

    def __init__(self, process: BaseProcess) -> None:
        super().__init__()
        self.process = process


def _serve(make: Callable[[], Answer], pipe: Connection) -> None:
    """Answer until the other end closes."""

    def tell(content: Any) -> None:
        pipe.send((_Kind.TOLD, content))

    answer = _made(make)
    with suppress(EOFError, ConnectionError):
        while True:
            request = pipe.recv_bytes()
            try:
                pipe.send((_Kind.ANSWERED, answer(pickle.loads(request), tell)))
            except Exception as error:
                pipe.send((_Kind.RAISED, _sendable(error)))


def _made(make: Callable[[], Answer]) -> Answer:
    """What `make` makes or, if it raises, what raises the same whenever it is asked."""
    try:
        return make()
    except Exception as error:
        failure = error

    def fail(request: Any, tell: Tell) -> Any:
        raise failure

    return fail


def _sendable(error: Exception) -> Exception:
    """The error, or its text where it holds what cannot be sent, such as part of a graph."""
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:
        return RuntimeError(f"{type(error).__name__}: {error}")
    return error
