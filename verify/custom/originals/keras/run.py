"""Calling a Keras model on inputs by name, however it takes them; its outputs by tap."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from itertools import product
from typing import Any

import numpy as np

from port.errors import InputError
from verify.custom.layouts.arguments import Arguments, arranged
from verify.custom.layouts.nested import by_name, in_one_line, told, with_arrays
from verify.custom.originals.keras.recurrent import forget_states
from verify.custom.originals.keras.single_precision import single_precision_of
from verify.custom.originals.keras.whole_constants import whole_constants
from verify.custom.originals.keras.whole_kernels import Note, whole_kernels
from verify.custom.originals.keras.whole_numbers import whole_numbers
from verify.custom.originals.original import output_tap

# What a model's `call` may take besides its inputs.
BESIDES = ("training", "mask")


def run(
    model: Any,
    given: Mapping[str, Any],
    training: bool = False,
    note: Note = lambda _: None,
    begin: Callable[[], object] = lambda: None,
) -> dict[str, Any]:
    """The model's outputs by tap, as TensorFlow's tensors.

    Args:
        model: functional, sequential or subclassed.
        given: arrays or tensors by name; those of nested inputs are called `a/b`.
        training: whether it is called as in training.
        note: see `whole_kernels`.
        begin: is called before it runs, which may be more than once.

    Raises:
        InputError: it has other inputs, or it does not run on these.
    """
    dtype = model.compute_dtype
    cast = {
        name: array.astype(dtype) if isinstance(array, np.ndarray) and array.dtype.kind == "f"
        else array
        for name, array in given.items()
    }  # fmt: skip
    refused: Exception | None = None
    # What makes numbers in float32 on purpose may also need them so: then it gets them.
    numbers: list[Callable[[], AbstractContextManager[None]]] = [nullcontext]
    if dtype == "float64":
        numbers.insert(0, partial(whole_numbers, note))
    single, grants = single_precision_of(model), (False, True) if dtype == "float64" else (False,)
    for grant, (args, kwargs), made in product(grants, list(_ways(model, cast)), numbers):
        forget_states(model)
        begin()
        try:
            with whole_constants(), whole_kernels(note), made(), single.granted(grant):
                returned = model(*args, **kwargs, training=training)
        except InputError:
            raise
        except Exception as error:
            refused = refused or error
            continue
        return _by_tap(returned)
    raise InputError(
        f"the original does not run on {told(given)} in {dtype}: {in_one_line(refused)}"
    ) from refused


def input_shapes(model: Any, given: Mapping[str, Any]) -> dict[str, tuple[int | None, ...]]:
    """By a given input's name the shape that the model was built for; None where any size does.

    Of a model that does not say what it takes there is nothing.
    """
    struct = getattr(model, "_inputs_struct", None)
    if struct is None:
        return {}
    tensors = by_name(struct, _is_symbolic)
    names = _by_path(struct, {name: name for name in given})
    return {names[path]: tuple(tensor.shape) for path, tensor in tensors.items()}


def _by_tap(returned: Any) -> dict[str, Any]:
    outputs = by_name(returned, lambda value: hasattr(value, "dtype") and hasattr(value, "numpy"))
    for name, tensor in outputs.items():
        if not any(kind in str(tensor.dtype) for kind in ("float", "int", "bool")):
            raise InputError(
                f"the original returns {str(tensor.dtype)[9:-2]} as {name or 'output'}"
            )
    if not outputs:
        raise InputError(f"the original returns {type(returned).__name__}, and no tensor in it")
    return {output_tap(name): tensor for name, tensor in outputs.items()}


def _ways(model: Any, given: Mapping[str, Any]) -> Iterator[Arguments]:
    """How it may be meant to be called; of a model that says it, there is one."""
    struct = getattr(model, "_inputs_struct", None)
    if struct is not None:
        yield (_packed(struct, given),), {}
        return
    args, kwargs = arranged(model.call, given, BESIDES)
    if len(given) > 1 and len(args) == 1 and isinstance(args[0], dict):
        yield (list(args[0].values()),), {}  # names that are the user's alone
    yield args, kwargs


def _packed(struct: Any, given: Mapping[str, Any]) -> Any:
    """The inputs as the model was built with, by their keys or by their tensors' names."""
    found = _by_path(struct, given)
    return with_arrays(struct, _is_symbolic, found)


def _by_path(struct: Any, given: Mapping[str, Any]) -> dict[str, Any]:
    """The given inputs by the paths of those that the model was built with."""
    tensors = by_name(struct, _is_symbolic)
    names = {path: tensor.name for path, tensor in tensors.items()}
    in_order = all(part.isdigit() for path in tensors for part in path.split("/") if part)
    if set(given) == set(tensors):
        return dict(given)
    if set(given) == set(names.values()):
        return {path: given[name] for path, name in names.items()}
    if len(given) == len(tensors) and (
        len(given) == 1 or (in_order and not set(given) & set(names.values()))
    ):
        return dict(zip(tensors, given.values(), strict=True))
    its = ", ".join(name for name in (names if not in_order else names.values()))
    raise InputError(f"inputs: the original's are {its}, given {', '.join(given)}")


def _is_symbolic(value: Any) -> bool:
    return hasattr(value, "_keras_history")
