"""Which variable of the original is which tensor of the port, and in what layout it lies there."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from itertools import product

import numpy as np
import torch
from torch import nn

from port.errors import InputError
from verify.custom.layouts import Layout, fitting

# What torch calls a tensor, by what originals call it.
ROLES = {
    "weight": "kernel depthwise_kernel weight weights w filter filters gamma scale embeddings",
    "bias": "bias biases b beta offset",
    "running_mean": "moving_mean mean",
    "running_var": "moving_variance variance",
}
VECTOR = ("c -> c",)
CONVOLUTION = {
    1: ("w i o -> o i w",),
    2: ("h w i o -> o i h w",),
    3: ("t h w i o -> o i t h w",),
}
DEPTHWISE = {1: ("w c m -> (c m) 1 w",), 2: ("h w c m -> (c m) 1 h w",)}
TRANSPOSED = {1: ("w o i -> i o w",), 2: ("h w o i -> i o h w",), 3: ("t h w o i -> i o t h w",)}
DENSE = (
    "i o -> o i",
    "1 1 i o -> o i",
    "d h k -> (h k) d",
    "h k d -> d (h k)",
    "h k -> (h k)",
    *VECTOR,
)
# Of modules that torch does not know; values decide where more than one fits.
ANY = (
    *VECTOR,
    "i o -> i o",
    "i o -> o i",
    *CONVOLUTION[2],
    *DEPTHWISE[2],
    *CONVOLUTION[3],
    *CONVOLUTION[1],
    "a b c -> a b c",
    "h w i o -> h w i o",
    "->",
)


@dataclass(frozen=True, slots=True)
class Row:
    """One variable of the original and its tensor in the port's state dict."""

    variable: str
    key: str
    layout: Layout


def state_of(module: nn.Module) -> dict[str, torch.Tensor]:
    """The floating-point tensors of a state dict; counters hold no weights."""
    return {n: t for n, t in module.state_dict().items() if t.is_floating_point()}


def own_state(module: nn.Module) -> dict[str, torch.Tensor]:
    """Those that no module inside has."""
    return {name: tensor for name, tensor in state_of(module).items() if "." not in name}


def possible_rows(
    path: str,
    module: nn.Module,
    variables: Mapping[str, np.ndarray],
    port_only: Iterable[str] = (),
) -> Iterator[list[Row]]:
    """The ways in which a layer's variables can be a module's tensors; none if shapes forbid it.

    Args:
        path: of the module.
        module: its own tensors are looked at, not those of modules inside.
        variables: the layer's.
        port_only: patterns of tensors that may be without a variable.
    """
    tensors, rows = own_state(module), list[list[Row]]()
    prefix = f"{path}." if path else ""
    left = set(tensors)
    for variable, value in variables.items():
        name = _role(variable, value.ndim > 1, {n: t for n, t in tensors.items() if n in left})
        if name is None:
            return
        left.remove(name)
        shape = tuple(tensors[name].shape)
        layouts = fitting(_patterns(module, name), value.shape, shape)
        rows.append([Row(variable, f"{prefix}{name}", layout) for layout in layouts])
    if any(not matches(f"{prefix}{name}", port_only) for name in left):
        return
    yield from (list(way) for way in product(*rows))


def _role(variable: str, is_matrix: bool, tensors: Mapping[str, torch.Tensor]) -> str | None:
    """The tensor that a variable is by its name, or because there is no other of its kind."""
    base = variable.rpartition("/")[2]
    for name in tensors:
        if base == name or base in ROLES.get(name, "").split():
            return name
    alike = [name for name, tensor in tensors.items() if (tensor.ndim > 1) == is_matrix]
    known = any(base in names.split() for names in ROLES.values())
    return alike[0] if len(alike) == 1 and not known else None


def _patterns(module: nn.Module, name: str) -> tuple[str, ...]:
    if isinstance(module, nn.modules.conv._ConvNd):
        if name == "bias":
            return VECTOR
        rank = len(module.kernel_size)
        if module.transposed:
            return TRANSPOSED[rank]
        return (DEPTHWISE.get(rank, ()) if module.groups > 1 else ()) + CONVOLUTION[rank]
    if isinstance(module, nn.Linear):
        return DENSE
    return ANY


def possible_layouts(
    module: nn.Module, key: str, shape: tuple[int, ...], besides: tuple[str, ...] = ()
) -> Iterator[Layout]:
    """In which layouts a variable of `shape` can be a tensor of the port's, the likeliest first."""
    path, _, name = key.rpartition(".")
    patterns = _patterns(module.get_submodule(path), name)
    return fitting((*patterns, *besides), shape, tuple(state_of(module)[key].shape))


def matches(name: str, patterns: Iterable[str]) -> bool:
    """Does one of the patterns, with `*` for any text, match the name?"""
    return any(fnmatchcase(name, pattern) for pattern in patterns)


def rows_of_table(
    table: Mapping[str, str | tuple[str, str]],
    variables: Mapping[str, np.ndarray],
    module: nn.Module,
) -> list[Row]:
    """The rows of a table of the user's: variable to key, or to key and layout.

    Raises:
        InputError: a name is unknown, or shapes do not fit in any layout known here.
    """
    state, rows = state_of(module), []
    for variable, entry in table.items():
        key, text = (entry, None) if isinstance(entry, str) else entry
        if variable not in variables:
            raise InputError(f"weights: the original has no variable {variable!r}")
        if key not in state:
            raise InputError(f"weights: the port has no tensor {key!r} (for {variable!r})")
        shapes = variables[variable].shape, tuple(state[key].shape)
        layouts = [Layout.parse(text)] if text else list(possible_layouts(module, key, shapes[0]))
        if not layouts or layouts[0].to_port(np.empty(shapes[0], np.bool_)).shape != shapes[1]:
            raise InputError(
                f"weights: {variable!r} {shapes[0]} does not fit {key!r} {shapes[1]}; give "
                f"{variable!r}: (key, 'layout') such as '(h w c) o -> o (c h w); h=4 w=4'"
            )
        rows.append(Row(variable, key, layouts[0]))
    return rows


def load(module: nn.Module, rows: Iterable[Row], variables: Mapping[str, np.ndarray]) -> None:
    """Give the port's tensors the original's values, in place."""
    state = module.state_dict()
    with torch.no_grad():
        for row in rows:
            state[row.key].copy_(torch.from_numpy(row.layout.to_port(variables[row.variable])))


def differing(
    module: nn.Module, rows: Iterable[Row], variables: Mapping[str, np.ndarray]
) -> list[str]:
    """The variables whose values in the port are not the original's, bit for bit."""
    state = module.state_dict()
    return [
        row.variable
        for row in rows
        if state[row.key].numpy().tobytes() != row.layout.to_port(variables[row.variable]).tobytes()
    ]
