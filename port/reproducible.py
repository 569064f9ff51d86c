"""The same sums in the same order, which MKL promises only where it is asked to.

PyTorch hands small matrix products to MKL: the gates' convolutions of one clip, the classifier.
"""

import os


def fix_order_of_sums() -> None:
    """Let MKL add up alike however memory is aligned and whichever thread is done first.

    To be called before the process's first matrix product: MKL asks once. A `MKL_CBWR` that is set
    stays. Without it the gradient of a gate's convolution had three values in 400 repetitions on
    two busy cores. Source: "Conditional Numerical Reproducibility" in Intel's guide to oneMKL.
    """
    os.environ.setdefault("MKL_CBWR", "AUTO")
