"""Processes of a run, as torchrun would start them."""

import multiprocessing
import os
import socket
from collections.abc import Callable
from typing import Any

import torch

from port.errors import InputError
from train.distributed import World, joined
from train.failures import explained

FORK = multiprocessing.get_context("fork")
Work = Callable[[World, Any], None]


def together(processes: int, work: Work, queue: Any = None) -> list[Any]:
    """Start `work` as torchrun would; return the processes."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]

    def one(rank: int) -> None:
        torch.set_num_threads(1)
        os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "RANK": str(rank)}
        os.environ |= {"WORLD_SIZE": str(processes), "LOCAL_RANK": str(rank)}
        try:
            with joined("cpu") as world, explained(world):
                work(world, queue)
        except InputError as error:
            queue.put(str(error))
            queue.close()
            queue.join_thread()
            os._exit(2)

    started = [FORK.Process(target=one, args=(rank,)) for rank in range(processes)]
    for process in started:
        process.start()
    return started


def finish(started: list[Any]) -> list[int]:
    """Their exit codes; a process that hangs is a failure."""
    for process in started:
        process.join(60)
        if process.is_alive():
            process.kill()
    return [process.exitcode for process in started]
