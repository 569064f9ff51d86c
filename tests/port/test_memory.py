"""What is freed is not given back, so that the next step need not fetch it again."""

import ctypes
import multiprocessing
import resource
from typing import Any

import pytest
import torch

from port.memory import keep_freed_memory

# A process of its own, as a run is: in a fork of a test worker the thread may allocate from
# another arena than the main one, and glibc maps what is too large for such an arena anew.
SPAWN = multiprocessing.get_context("spawn")
PAGES = 64 * 2**20 // resource.getpagesize()


def count_faults(keep: bool, queue: Any) -> None:
    torch.set_num_threads(1)
    if keep:
        assert keep_freed_memory()
    faults = []
    for _ in range(32):  # the heap grows until a freed block fits: some ten steps
        before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
        torch.ones(PAGES * resource.getpagesize() // 4)
        faults.append(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
    queue.put(faults[-1])


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "mallopt"), reason="another C library")
def test_large_tensors_come_from_memory_that_is_there() -> None:
    faults = {}
    for keep in (False, True):
        queue = SPAWN.Queue()
        process = SPAWN.Process(target=count_faults, args=(keep, queue))
        process.start()
        faults[keep] = queue.get(timeout=60)
        process.join()
    assert faults[True] < faults[False] / 4
