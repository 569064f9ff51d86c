"""The limit on a process's memory (`ulimit -v`), asked before a library comes to its end under it.

Some, in want of memory, end the process by themselves and in words of their own.
"""

import resource

from port.errors import InputError


def require_address_space(least: int, what: str) -> None:
    """Refuse to go on under a lower limit.

    Args:
        least: bytes.
        what: what takes them, for the message ("TensorFlow").

    Raises:
        InputError: the limit is lower.
    """
    limit, _ = resource.getrlimit(resource.RLIMIT_AS)
    if limit != resource.RLIM_INFINITY and limit < least:
        raise InputError(
            f"out of memory: the limit (ulimit -v) is {limit >> 20} MB, and {what} takes "
            f"{least >> 20} MB to start"
        )
