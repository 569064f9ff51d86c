"""The same seed, the same machine, the same number of threads: the same bits, on the CPU.

What this does not promise: the same bits on another processor, with another number of threads,
another version of either framework or of oneDNN, or on a GPU. See `docs/training_parity.md`.
"""

import torch

from port.reproducible import fix_order_of_sums
from verify.tvn.original import import_original


def be_deterministic(seed: int) -> None:
    """Seed both frameworks, and let them refuse operations that could differ from run to run.

    For the rest of the process: TensorFlow cannot take it back. To be called before anything is
    computed, since MKL asks only once.
    """
    fix_order_of_sums()
    torch.use_deterministic_algorithms(True)
    torch.manual_seed(seed)
    import_original()
    import tensorflow as tf

    tf.config.experimental.enable_op_determinism()
    tf.random.set_seed(seed)
