"""Which variable of the original is which tensor of the port, and in what layout it lies there."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from itertools import product

import numpy as np
import torch
from torch import nn

from port.errors import InputError
from verify.custom.layouts.layout import Layout, fitting
from verify.custom.layouts.parts import WHOLE, Index, split_name
from verify.custom.module.compiled import kind_of

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


# Besides what any module's tensors look like: with axes of size one, so that they broadcast.
LOOSE = (
    *ANY,
    "l c -> 1 l c",
    "1 l c -> l c",
    "1 c -> c",
    "c -> 1 c",
    "1 1 c -> c",
    "1 1 c -> c 1 1",
    "c -> 1 1 c",
    "c -> c 1 1",
    "c -> 1 c 1 1",
    "1 1 1 c -> 1 c 1 1",
    "1 1 1 c -> c",
    "h w c -> c h w",
    "-> 1",
    "1 ->",
)


@dataclass(frozen=True, slots=True)
class Row:
    """One variable of the original and its tensor in the port's state dict.

    `of` is the block of the variable, `to` the block of the tensor, where either is not all of it.
    `addends` are further tensors, which the port adds to the first: their sum is the variable, as
    the two biases of torch's recurrent layers are. They are loaded with zeros.
    """

    variable: str
    key: str
    layout: Layout
    of: Index = WHOLE
    to: Index = WHOLE
    addends: tuple[str, ...] = ()

    @property
    def source(self) -> str:
        """The variable, or its block, as `weights` takes it."""
        return f"{self.variable}{self.of}"

    @property
    def target(self) -> str:
        """The tensors, or their blocks, as `weights` takes them."""
        return " + ".join(f"{key}{self.to}" for key in (self.key, *self.addends))

    def value(self, variables: Mapping[str, np.ndarray]) -> np.ndarray:
        """What belongs into the port's tensor."""
        return self.layout.to_port(self.of(variables[self.variable]))

    def held(self, state: Mapping[str, torch.Tensor]) -> np.ndarray:
        """What the port has there."""
        first, *others = (self.to(state[key]) for key in (self.key, *self.addends))
        for other in others:
            if other.any():
                first = first + other
        return np.array(first.numpy())


def state_of(module: nn.Module) -> dict[str, torch.Tensor]:
    """The floating-point tensors of a state dict; counters hold no weights."""
    return {n: t for n, t in module.state_dict().items() if t.is_floating_point()}


def tied(module: nn.Module) -> dict[str, tuple[str, ...]]:
    """By the key of each tensor the keys that it has, more than one if modules share it."""
    places: dict[tuple[int, torch.Size], list[str]] = {}
    state = state_of(module)
    for key, tensor in state.items():
        places.setdefault((tensor.data_ptr(), tensor.shape), []).append(key)
    return {key: tuple(places[tensor.data_ptr(), tensor.shape]) for key, tensor in state.items()}


def own_state(module: nn.Module) -> dict[str, torch.Tensor]:
    """Those that no module inside has."""
    own: dict[str, torch.Tensor] = {}
    module._save_to_state_dict(own, "", keep_vars=False)  # what a state dict is made of
    return {name: tensor for name, tensor in own.items() if tensor.is_floating_point()}


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
    if known:
        return None
    if not alike and len(tensors) == 1:  # with axes of size one on one side
        return next(iter(tensors))
    return alike[0] if len(alike) == 1 else None


def _patterns(module: nn.Module, name: str) -> tuple[str, ...]:
    kind = kind_of(module)
    if issubclass(kind, nn.modules.conv._ConvNd):
        if name == "bias":
            return VECTOR
        rank = next(rank for rank in CONVOLUTION if f"{rank}d" in _class_of_torch(kind))
        if "Transpose" in _class_of_torch(kind):
            return TRANSPOSED[rank]
        # Of what was compiled it may not be known.
        grouped = getattr(module, "groups", 2) > 1
        return (DEPTHWISE.get(rank, ()) if grouped else ()) + CONVOLUTION[rank]
    if issubclass(kind, nn.Linear):
        return DENSE
    return LOOSE


def _class_of_torch(kind: type[nn.Module]) -> str:
    """The name of the class of torch's that a class is, or is derived from."""
    mro = (each for each in kind.__mro__ if each.__module__.startswith("torch.nn.modules."))
    return next(mro).__name__


def possible_layouts(
    module: nn.Module,
    key: str,
    shape: tuple[int, ...],
    besides: tuple[str, ...] = (),
    to: Index = WHOLE,
) -> Iterator[Layout]:
    """In which layouts a variable of `shape` can be a tensor of the port's, the likeliest first.

    `besides` are patterns to try, too; `to` is the block of the tensor that is meant.
    """
    path, _, name = key.rpartition(".")
    patterns = _patterns(module.get_submodule(path), name)
    return fitting((*patterns, *besides), shape, tuple(to(state_of(module)[key]).shape))


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
    for source, entry in table.items():
        target, text = (entry, None) if isinstance(entry, str) else entry
        variable, of = split_name(source)
        keys = [split_name(each) for each in target.split(" + ")]
        if variable not in variables:
            raise InputError(f"weights: the original has no variable {variable!r}")
        for key, _ in keys:
            if key not in state:
                raise InputError(f"weights: the port has no tensor {key!r} (for {source!r})")
        (key, to), *others = keys
        shapes = of(variables[variable]).shape, tuple(to(state[key]).shape)
        known = possible_layouts(module, key, shapes[0], to=to)
        layouts = [Layout.parse(text)] if text else list(known)
        if not layouts or layouts[0].to_port(np.empty(shapes[0], np.bool_)).shape != shapes[1]:
            raise InputError(
                f"weights: {source!r} {shapes[0]} does not fit {target!r} {shapes[1]}; give "
                f"{source!r}: (key, 'layout') such as '(h w c) o -> o (c h w); h=4 w=4'"
            )
        rows.append(Row(variable, key, layouts[0], of, to, tuple(name for name, _ in others)))
    return rows


def load(module: nn.Module, rows: Iterable[Row], variables: Mapping[str, np.ndarray]) -> None:
    """Give the port's tensors the original's values, in place."""
    state = module.state_dict()
    with torch.no_grad():
        for row in rows:
            row.to(state[row.key]).copy_(torch.from_numpy(row.value(variables)))
            for key in row.addends:
                row.to(state[key]).zero_()


def differing(
    module: nn.Module, rows: Iterable[Row], variables: Mapping[str, np.ndarray]
) -> list[str]:
    """The variables whose values in the port are not the original's, bit for bit."""
    state = module.state_dict()
    wrong = [r.variable for r in rows if r.held(state).tobytes() != r.value(variables).tobytes()]
    return list(dict.fromkeys(wrong))


def homeless(rows: Iterable[Row], variables: Mapping[str, np.ndarray]) -> list[str]:
    """The variables of which something is nowhere in the port."""
    placed = {name: np.zeros(value.shape, np.bool_) for name, value in variables.items()}
    for row in rows:
        row.of(placed[row.variable])[...] = True
    return [name for name, where in placed.items() if not where.all()]


def empty(rows: Iterable[Row], module: nn.Module) -> list[str]:
    """The port's tensors of which something is no variable's."""
    state, shared = state_of(module), tied(module)
    filled = {name: np.zeros(tuple(tensor.shape), np.bool_) for name, tensor in state.items()}
    for row in rows:
        for key in (row.key, *row.addends):
            for name in shared[key]:
                row.to(filled[name])[...] = True
    return [name for name, where in filled.items() if not where.all()]
