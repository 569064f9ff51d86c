"""A torch module with named taps as a runner."""

from collections.abc import Callable, Mapping
from contextlib import suppress

import numpy as np
import torch
from torch import Tensor, nn

import port.taps
from verify.specs.spec import See, Stage

# Runs a stage's modules on what it reads; the taps are seen on the way.
StageCall = Callable[[Mapping[str, Tensor]], object]
# Errors by which a wrong port refuses what it has computed so far.
REFUSALS = (RuntimeError, ValueError, IndexError)


class TorchRunner:
    """Runs stages of `model`, which is changed to `precision` in place.

    Args:
        model: with taps as in `port.capture`, in evaluation mode.
        calls: how each stage is run, by the stage's name.
        precision: `float64` or `float32`.
        memory_format: of the images that stages read, and so of what they compute.
    """

    def __init__(
        self,
        model: nn.Module,
        calls: Mapping[str, StageCall],
        precision: str,
        memory_format: torch.memory_format = torch.contiguous_format,
    ) -> None:
        self._dtype = {"float64": torch.float64, "float32": torch.float32}[precision]
        self._calls, self._memory_format = calls, memory_format
        self._modules = port.taps.tapped_modules(model.to(self._dtype))

    def run_stage(self, stage: Stage, given: Mapping[str, np.ndarray], see: See) -> None:
        """See `PortRunner`."""

        def watch(name: str, output: Tensor) -> None:
            see(name, to_nhwc(output))

        self._run(stage, given, watch)

    def run_layers(self, stage: Stage, seen: Mapping[str, np.ndarray], see: See) -> None:
        """See `PortRunner`."""

        def replace(name: str, output: Tensor) -> Tensor:
            see(name, to_nhwc(output))
            return self._tensor(seen[name])

        self._run(stage, seen, replace)

    @torch.no_grad()
    def _run(
        self,
        stage: Stage,
        given: Mapping[str, np.ndarray],
        watch: Callable[[str, Tensor], Tensor | None],
    ) -> None:
        modules = {name: self._modules[name] for name in stage.taps if name in self._modules}
        reads = {name: self._tensor(given[name]) for name in stage.reads}
        # A wrong port may hand on shapes that the next layer refuses. What it computed until then
        # is judged; what is missing is reported as not computed.
        with port.taps.watch(modules, watch), suppress(*REFUSALS):
            self._calls[stage.name](reads)

    def module(self, tap: str) -> nn.Module:
        """See `ModuleRunner`."""
        return self._modules[tap]

    def to_original(self, tap: str, output: Tensor) -> np.ndarray:
        """See `ModuleRunner`."""
        return to_nhwc(output)

    def close(self) -> None:
        """See `PortRunner`."""
        self._modules, self._calls = {}, {}

    def _tensor(self, array: np.ndarray) -> Tensor:
        tensor = from_nhwc(array).to(self._dtype)
        return tensor.contiguous(memory_format=self._memory_format) if tensor.ndim == 4 else tensor


def gradient_or_zeros(tensor: Tensor) -> Tensor:
    """Its gradient after a backward pass; zeros where the loss does not depend on it."""
    return torch.zeros_like(tensor) if tensor.grad is None else tensor.grad


def to_nhwc(tensor: Tensor) -> np.ndarray:
    """A tensor in the original's layout: channels last, in a copy of its own."""
    if tensor.ndim > 3:
        tensor = tensor.movedim(1, -1)
    if tensor.dtype == torch.bfloat16:  # of which numpy knows nothing
        tensor = tensor.float()
    return tensor.detach().numpy().copy()


def from_nhwc(array: np.ndarray) -> Tensor:
    """Undo `to_nhwc`."""
    tensor = torch.from_numpy(np.ascontiguousarray(array))
    return tensor.movedim(-1, 1).contiguous() if tensor.ndim > 3 else tensor
