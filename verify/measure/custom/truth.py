"""What a port computes, by no word of the verifier: its values and those of each operation."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from verify.custom.layouts.fingerprint import Fingerprint
from verify.custom.layouts.guess import likely_layout
from verify.custom.module.torch_module import forward
from verify.custom.originals.original import OUTPUT, Call
from verify.runners.pytorch import REFUSALS

# Between float64 results of one function; what differs by a mistake differs by far more.
ROUNDING = 1e-9
# By which a port shows that it could never run, whatever it is compared with.
STILLBORN = (TypeError, AttributeError, NameError, AssertionError, NotImplementedError)
RAISED = (*REFUSALS, *STILLBORN)


class _Recorder(TorchDispatchMode):
    """Keeps a fingerprint of every tensor that an operation gives."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.seen: list[Fingerprint] = []

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        """Run an operation as it is."""
        output = func(*args, **(kwargs or {}))
        for value in output if isinstance(output, tuple | list) else (output,):
            if isinstance(value, Tensor) and value.dtype == torch.float64:
                self.seen.append(Fingerprint.of(value.detach().numpy()))
        return output


def output_of(port: nn.Module, tensor: Tensor) -> Tensor:
    """The port's one output; of a structure, its logits."""
    with torch.no_grad():
        output = forward(port, {"input": tensor.clone()})
    value: Tensor = getattr(output, "logits", output)
    return value


def outputs(port: nn.Module, inputs: Sequence[Tensor]) -> list[np.ndarray | None]:
    """What a port in float64 gives for each input; None where it refuses it."""
    found: list[np.ndarray | None] = []
    for tensor in inputs:
        try:
            torch.manual_seed(0)
            found.append(output_of(port, tensor).numpy().copy())
        except RAISED:
            found.append(None)
    return found


def is_stillborn(port: nn.Module, inputs: Tensor) -> bool:
    """Does it raise an error of Python's own, such as a name that is not there?"""
    try:
        output_of(port, inputs)
    except STILLBORN:
        return True
    except REFUSALS:
        return False
    return False


def operations(port: nn.Module, inputs: Tensor) -> list[Fingerprint]:
    """What every operation of a port in float64 gives, as far as it gets."""
    recorder = _Recorder()
    try:
        with recorder:
            output_of(port, inputs)
    except RAISED:
        pass
    return recorder.seen


def same(found: np.ndarray | None, right: np.ndarray | None) -> bool:
    """Are two outputs one, up to rounding?"""
    if found is None or right is None:
        return found is right
    if found.shape != right.shape or not np.isfinite(found).all():
        return False
    return bool(np.abs(found - right).max() <= ROUNDING * np.abs(right).max())


def computed(calls: Sequence[Call], seen: Sequence[Fingerprint]) -> set[str]:
    """The layers of the original whose values are among those that a port's operations give.

    Of several layers with one value, as a Dropout and what it reads, all are.
    """
    values = np.array([fingerprint.sums for fingerprint in seen]).reshape(-1, 3)
    scales = np.array([fingerprint.scales for fingerprint in seen]).reshape(-1, 3)
    found = set()
    for call in calls:
        if call.tap == OUTPUT:
            continue
        mine = Fingerprint.of(call.value)
        close = np.abs(values - mine.sums) <= ROUNDING * np.maximum(scales, mine.scales)
        if close.all(1).any():
            found.add(call.tap)
    return found


def tensors(inputs: Sequence[np.ndarray]) -> list[Tensor]:
    """Inputs in the port's layout and in float64."""
    return [
        torch.from_numpy(likely_layout(a.ndim, a.ndim).to_port(a)).to(
            torch.float64 if a.dtype.kind == "f" else torch.int64
        )
        for a in inputs
    ]
