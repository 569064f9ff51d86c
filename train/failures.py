"""What goes wrong around a run, told in a line with what to do."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager

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
    except OSError as error:
        if error.errno not in (errno.EMFILE, errno.ENFILE):
            raise
        raise InputError(f"{error.strerror}; {GO_ON}, after ulimit -n 1024") from None
    except RuntimeError as error:
        text = str(error)
        if "DataLoader worker" in text and ("killed" in text or "exited" in text):
            raise InputError(_worker_killed(text)) from None
        if "DataLoader timed out" in text:
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


def _worker_killed(text: str) -> str:
    return (
        f"a data worker was killed ({_first_line(text)}), often for want of memory or of room in "
        f"/dev/shm; {GO_ON}, perhaps with fewer workers"
    )


def _is_of_the_group(error: RuntimeError) -> bool:
    text = str(error).lower()
    known = ("gloo", "nccl", "connection", "timed out", "socket")
    return isinstance(error, torch.distributed.DistError) or any(word in text for word in known)


def _no_memory() -> str:
    return f"out of memory; {GO_ON}, in a new run with a smaller batch_size or more accumulate"


def _first_line(text: str) -> str:
    return text.strip().partition("\n")[0][:200]
