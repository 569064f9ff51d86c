"""Gradient checkpointing: what a block computes inside is thrown away, and computed again."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import partial
from typing import cast

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from port.layers import BatchNorm


def runs_plainly() -> bool:
    """Nothing is kept for gradients here, or what traces the net decides what is."""
    traced = torch.jit.is_tracing()  # type: ignore[attr-defined, no-untyped-call]
    return traced or torch.compiler.is_compiling() or not torch.is_grad_enabled()


def run_checkpointed(blocks: nn.Sequential, x: Tensor) -> Tensor:
    """`blocks(x)`, of which only what goes from block to block is kept for the gradients.

    Those are the same to the bit, and batch norms remember a batch once.
    """
    for block in blocks:
        x = cast(
            Tensor,
            checkpoint(
                block,
                x,
                use_reentrant=False,
                preserve_rng_state=False,  # nothing is drawn inside a block
                context_fn=partial(_first_and_again, block),
            ),
        )
    return x


def _first_and_again(
    block: nn.Module,
) -> tuple[AbstractContextManager[None], AbstractContextManager[None]]:
    return nullcontext(), _forgetting(block)


@contextmanager
def _forgetting(block: nn.Module) -> Iterator[None]:
    """Let batch norms remember into copies, which are thrown away."""
    norms = [module for module in block.modules() if isinstance(module, BatchNorm)]
    kept = [(norm.running_mean, norm.running_var) for norm in norms]
    try:
        for norm in norms:
            assert norm.running_mean is not None and norm.running_var is not None
            norm.running_mean = norm.running_mean.clone()
            norm.running_var = norm.running_var.clone()
        yield
    finally:
        for norm, (mean, variance) in zip(norms, kept, strict=True):
            norm.running_mean, norm.running_var = mean, variance
