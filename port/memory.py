"""Memory that a CPU's large tensors free and the next at once need again, kept in the process."""

import ctypes
from contextlib import suppress

# Of glibc's malloc.h.
M_TRIM_THRESHOLD, M_MMAP_MAX = -1, -4
NEVER = -1


def keep_freed_memory() -> bool:
    """Let freed memory stay with the process; False where the C library knows no such setting.

    glibc maps what is larger than 32 MiB anew each time, and the kernel clears every page of it.
    A step of tvn1 spends two fifths of its core time on that: 2.5 of 5.9 s with it, 0.1 of 3.9
    without (benchmarks/train_step.py). The price is more memory at most, 3.4 GiB in place of 2.8.
    It holds for the main thread, where a step's tensors are made; glibc maps what is large anew in
    threads that have an arena of their own.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):
        return False
    return bool(mallopt(M_MMAP_MAX, 0)) and bool(mallopt(M_TRIM_THRESHOLD, NEVER))


def give_back_freed_memory() -> None:
    """Hand what was freed and kept back to the system, before another process needs as much."""
    with suppress(AttributeError, OSError, TypeError):
        ctypes.CDLL(None).malloc_trim(0)
