"""What data workers need of the system, asked for before they start.

Later it would show as a hang: a worker that cannot open a file or shared memory for a batch loses
it without a word.
"""

import resource

import torch

from port.errors import InputError

FILES_OF_A_RUN = 64  # open at once: libraries, videos, metrics
FILES_OF_A_WORKER = 16
PREFETCHED = 2  # batches, by each worker
TENSORS_BESIDE = 4  # of a batch: labels and the like


def check_limits(workers: int, clips: int) -> None:
    """Raise the limit of open files as far as needed, and see that there is shared memory.

    Args:
        workers: of one data loader; that of a test runs beside that of the training.
        clips: of a batch. Where videos differ in size, each is a shared file of its own, for which
            the limit is raised, but not insisted on.

    Raises:
        InputError: the system gives less than the workers need.
    """
    if not workers:
        return
    needed, best = _files(workers, 1), _files(workers, clips)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = best if hard == resource.RLIM_INFINITY else min(best, hard)
    if most < needed:
        raise InputError(
            f"workers={workers}: they and the run open {needed} files at once, and the system "
            f"allows {most}; raise that (ulimit -n {needed}), or set workers=0"
        )
    if soft != resource.RLIM_INFINITY and soft < most:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
    try:
        torch.multiprocessing.get_context().Lock()
        torch.zeros(1).share_memory_()
    except (OSError, RuntimeError) as error:
        reason = str(error).partition("\n")[0]
        raise InputError(
            f"workers={workers}: they hand batches over in shared memory, which fails here "
            f"({reason}); make room in /dev/shm, or set workers=0"
        ) from None


def _files(workers: int, clips: int) -> int:
    """How many may be open at once, with batches of so many pictures of different sizes."""
    each = FILES_OF_A_WORKER + PREFETCHED * (clips + TENSORS_BESIDE)
    return FILES_OF_A_RUN + 2 * workers * each
