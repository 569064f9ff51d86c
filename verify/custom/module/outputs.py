"""What a torch module returns: its tensors by name, and the one that stands for it as a tap."""

from typing import Any

import torch
from torch import Tensor, nn

from verify.custom.layouts.nested import by_name


def named_tensors(returned: Any) -> dict[str, Tensor]:
    """Every tensor by its key, field or number; one that comes alone has the name ``."""
    return by_name(returned, lambda value: isinstance(value, Tensor))


def first_tensor(output: Any) -> Tensor | None:
    """The tensor that stands for a module's output in a comparison; None if there is none."""
    if isinstance(output, tuple | list) and output:
        output = output[0]
    return output if isinstance(output, Tensor) else None


def with_first(module: nn.Module, output: Any, tensor: Tensor) -> Any:
    """What `module` returned, with `tensor` in the place of its first.

    The last state `h` of a recurrent module is a part of its sequence, and changes with it.
    """
    if isinstance(output, Tensor):
        return tensor
    rest = list(output[1:])
    if isinstance(module, nn.RNNBase):
        rest = [_with_last(module, rest[0], tensor)]
    if isinstance(output, list):
        return [tensor, *rest]
    return output._make([tensor, *rest]) if hasattr(output, "_make") else (tensor, *rest)


def with_tensor(value: Any, old: Tensor, new: Tensor) -> Any:
    """Arguments, in which `new` is wherever `old` was, in tuples, lists and dictionaries too."""
    if value is old:
        return new
    if isinstance(value, dict):
        return {name: with_tensor(each, old, new) for name, each in value.items()}
    if isinstance(value, tuple | list):
        changed = [with_tensor(each, old, new) for each in value]
        return value._make(changed) if hasattr(value, "_make") else type(value)(changed)
    return value


def _with_last(module: nn.RNNBase, states: Any, sequence: Tensor) -> Any:
    """The states `h`, or `(h, c)`, of which the last layer's `h` is taken from a sequence."""
    h = states[0] if isinstance(states, tuple) else states
    directions = 2 if module.bidirectional else 1
    time = h.ndim - 2 if module.batch_first else 0
    halves = sequence.chunk(directions, -1)
    ends = [half.select(time, -1 if each == 0 else 0) for each, half in enumerate(halves)]
    h = torch.cat([h[:-directions], torch.stack(ends)])
    return (h, *states[1:]) if isinstance(states, tuple) else h
