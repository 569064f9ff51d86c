"""What goes wrong around a run, told in a line with what to do."""

import multiprocessing
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

import torch

from port.errors import InputError
from train.distributed import World

GO_ON = "the last checkpoint is intact: start the same command again to go on"


@contextmanager
def explained(world: World) -> Iterator[None]:
    """Turn a killed or stuck worker, a lost process and exhausted memory into an InputError.

    Raises:
        InputError: one of those; any other error as it is.
    """
    try:
        yield
    except InputError as error:
        # One from a data worker brings the worker's traceback along; its last line is the message.
        raise InputError(str(error).strip().rpartition("\n")[2].split("InputError: ")[-1]) from None
    except torch.OutOfMemoryError:
        raise InputError(_no_memory()) from None
    except (ConnectionError, EOFError) as error:  # seen where one dies as it hands a batch over
        raise InputError(_worker_killed(str(error))) from None
    except RuntimeError as error:
        text = str(error)
        if "DataLoader worker" in text and ("killed" in text or "exited" in text):
            raise InputError(_worker_killed(text)) from None
        if "DataLoader timed out" in text:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)  # that they end is no news
            for worker in multiprocessing.active_children():
                worker.kill()  # what hangs would not end when asked to, and the exit waits for it
            raise InputError(
                f"the data workers gave no batch for minutes; does the disk answer? {GO_ON}"
            ) from None
        if "can't allocate memory" in text:
            raise InputError(_no_memory()) from None
        if world.size > 1 and _is_of_the_group(error):
            raise InputError(
                f"process {world.rank} lost touch with the others ({_first_line(text)}); {GO_ON}"
            ) from None
        raise


class _Once:
    """A handler that does not handle a signal again once it has raised."""

    def __init__(self, handler: Callable[[int, FrameType | None], object]) -> None:
        self._handler = handler

    def __call__(self, number: int, frame: FrameType | None) -> None:
        signal.signal(number, signal.SIG_DFL)
        self._handler(number, frame)
        signal.signal(number, self)


def tell_of_one_worker() -> None:
    """Let torch raise for one data worker that ends, not for the next one as well.

    Its handler of SIGCHLD raises wherever the main thread happens to be: for a second worker, in
    the midst of what cleans up after the first. To be called when workers were started.
    """
    handler = signal.getsignal(signal.SIGCHLD)
    main = threading.current_thread() is threading.main_thread()
    if main and callable(handler) and not isinstance(handler, _Once):
        signal.signal(signal.SIGCHLD, _Once(handler))


def _worker_killed(text: str) -> str:
    return (
        f"a data worker was killed ({_first_line(text)}), often for want of memory; {GO_ON}, "
        "perhaps with fewer workers"
    )


def _is_of_the_group(error: RuntimeError) -> bool:
    text = str(error).lower()
    known = ("gloo", "nccl", "connection", "timed out", "socket")
    return isinstance(error, torch.distributed.DistError) or any(word in text for word in known)


def _no_memory() -> str:
    return f"out of memory; {GO_ON}, in a new run with a smaller batch_size or more accumulate"


def _first_line(text: str) -> str:
    return text.strip().partition("\n")[0][:200]
