"""What a checkpoint must hold, checked as a whole before anything of it is used.

The pattern is what the run itself would save: the same names, types, shapes. What is checked comes
back as copies in plain containers, so that neither shared memory nor attributes of a file made by
hand reach the net.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer

from port.errors import InputError
from port.text import visible
from port.untrusted import MIB

# What cannot be below zero: means of squares, and what batch norm divides by the root of.
SQUARES = ("exp_avg_sq", "running_var")
SHOWN = 3


def most_bytes(net: Mapping[str, Tensor]) -> int:
    """Of a checkpoint: the net, its average and two moments, and room for all the rest."""
    return 5 * sum(tensor.nbytes for tensor in net.values()) + 64 * MIB


def checked(found: Any, pattern: Any, name: str) -> Any:
    """`found`, copied, if it is like `pattern` in names, types, shapes; its floats finite.

    Args:
        found: of a checkpoint.
        pattern: of dicts, lists and tuples, tensors and plain values. Tensors may be without
            memory; they and plain values may differ in value.
        name: of what is checked, for the message.

    Raises:
        InputError: begins with the name of what is wrong.
    """
    if isinstance(pattern, Tensor):
        return _checked_tensor(found, pattern, name)
    if isinstance(pattern, Mapping):
        check_names(found, pattern, name)
        return {key: checked(found[key], pattern[key], f"{name}.{key}") for key in pattern}
    if isinstance(pattern, list | tuple):
        if type(found) is not type(pattern) or len(found) != len(pattern):
            raise InputError(f"{name}: must be a {type(pattern).__name__} of {len(pattern)}")
        parts = zip(found, pattern, strict=True)
        return type(pattern)(checked(f, p, f"{name}.{i}") for i, (f, p) in enumerate(parts))
    if type(found) is not type(pattern):
        raise InputError(
            f"{name}: is of type {_type_name(found)}; it must be {_type_name(pattern)}"
        )
    if isinstance(found, float) and not abs(found) < float("inf"):
        raise InputError(f"{name}: is {found}")
    return found


def checked_optimizer(found: Any, optimizer: Optimizer, step: int, may_skip: bool) -> Any:
    """The state of `optimizer` after `step` steps.

    Args:
        found: of a checkpoint.
        optimizer: of the run; its groups must be those of the checkpoint, but for their rates.
        step: how many steps the run has done.
        may_skip: whether a step may have left the optimizer out, as one that overflowed in fp16.

    Raises:
        InputError: begins with the name of what is wrong.
    """
    pattern = _pattern(optimizer)
    check_names(found, pattern, "optimizer")
    groups = checked(found["param_groups"], pattern["param_groups"], "optimizer.param_groups")
    for index, (group, wanted) in enumerate(zip(groups, pattern["param_groups"], strict=True)):
        for key in wanted:
            if key != "lr" and group[key] != wanted[key]:
                raise InputError(
                    f"optimizer.param_groups.{index}.{key}: is {visible(group[key])}, where the "
                    f"run has {wanted[key]}"
                )
    state: dict[Any, Any] = {}
    # All have state after the first step that counts, and none before.
    if step > 0 and not (may_skip and found["state"] == {}):
        state = checked(found["state"], pattern["state"], "optimizer.state")
    else:
        check_names(found["state"], {}, "optimizer.state")
    for key, each in state.items():
        count = each.get("step", torch.ones(()))
        if not (1 <= count.item() <= step and count.item().is_integer()):
            raise InputError(f"optimizer.state.{key}.step: is {count.item():g} in step {step}")
    return {"state": state, "param_groups": groups}


def _pattern(optimizer: Optimizer) -> Any:
    """What `optimizer` saves after a step; found out by one of its kind, without memory."""
    groups = [
        group | {"params": [torch.empty_like(p, device="meta") for p in group["params"]]}
        for group in optimizer.param_groups
    ]
    kind: Any = type(optimizer)
    twin: Optimizer = kind(groups)
    for group in twin.param_groups:
        for parameter in group["params"]:
            parameter.grad = torch.empty_like(parameter)
    twin.step()
    return twin.state_dict()


def check_names(found: Any, wanted: Mapping[Any, Any], name: str) -> None:
    """Raises InputError where `found` has other keys than `wanted`, or none."""
    if not isinstance(found, Mapping):
        raise InputError(f"{name}: is of type {_type_name(found)}; it must hold entries by name")
    for what, keys in (
        ("missing", [key for key in wanted if key not in found]),
        ("unexpected", [key for key in found if key not in wanted]),
    ):
        if keys:
            more = f" and {len(keys) - SHOWN} more" if len(keys) > SHOWN else ""
            shown = ", ".join(visible(key) for key in keys[:SHOWN])
            raise InputError(f"{name}: {what} {shown}{more}")


def _checked_tensor(found: Any, pattern: Tensor, name: str) -> Tensor:
    if type(found) is not Tensor or found.layout != torch.strided or found.device.type != "cpu":
        raise InputError(f"{name}: is of type {_type_name(found)}; it must be a plain tensor")
    if found.dtype != pattern.dtype:
        raise InputError(f"{name}: is of {found.dtype}; it must be of {pattern.dtype}")
    if found.shape != pattern.shape:
        raise InputError(f"{name}: has shape {[*found.shape]}; it must have {[*pattern.shape]}")
    if found.is_floating_point() and not bool(torch.isfinite(found).all()):
        raise InputError(f"{name}: holds NaN or infinity")
    if name.endswith(SQUARES) and bool((found < 0).any()):
        raise InputError(f"{name}: holds negative numbers, and is a mean of squares")
    return found.detach().clone()


def _type_name(value: Any) -> str:
    return visible(type(value).__name__)


def check_range(value: float, least: float, most: float, name: str) -> None:
    """Raises InputError where `value` is not from `least` to `most`."""
    if not least <= value <= most:
        raise InputError(f"{name}: is {visible(value)}; it must be from {least:g} to {most:g}")


def names_of(values: Any, name: str) -> Sequence[str]:
    """`values`, if it is a list of strings."""
    if type(values) is not list or not all(type(value) is str for value in values):
        raise InputError(f"{name}: must be a list of names")
    return values
