"""TensorFlow variables to a torch state dict and back: exact inverses, strict about every name."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import torch
from torch import Tensor

from port.convert.names import Row, table
from port.errors import InputError
from port.genotype import Genotype
from port.text import visible

CLASSIFIER_BIAS = "dense/bias"
BFLOAT16 = np.dtype(ml_dtypes.bfloat16)
# Of a list of names in a message of one line, and of each name in characters.
MOST_LISTED, LONGEST_LISTED = 5, 120
AnyGenotype = Genotype | Mapping[str, Any] | str | Path


def state_dict_from_tf(
    variables: Mapping[str, np.ndarray], genotype: AnyGenotype
) -> dict[str, Tensor]:
    """Torch's state dict of a net, from its TensorFlow variables.

    Args:
        variables: TensorFlow name (no `:0`) to array, in TensorFlow's layout.
        genotype: the net they belong to; the number of classes comes from `dense/bias`.

    Returns:
        Copies, of the arrays' own precision, under the port's keys.

    Raises:
        MisfitError: missing, unexpected and misshapen variables, all in one message by name.
    """
    shapes = {name: tuple(array.shape) for name, array in variables.items()}
    rows = table(Genotype.load(genotype), class_count(shapes, CLASSIFIER_BIAS))
    check_shapes(shapes, {row.tf_name: row.tf_shape for row in rows})
    return {row.torch_key: to_torch(variables[row.tf_name], row) for row in rows}


def tf_from_state_dict(
    state_dict: Mapping[str, Tensor], genotype: AnyGenotype
) -> dict[str, np.ndarray]:
    """The TensorFlow variables of a net, from torch's state dict, in order of creation.

    The inverse of `state_dict_from_tf`, bit for bit; same arguments and errors, the other way.
    """
    shapes = {key: tuple(tensor.shape) for key, tensor in state_dict.items()}
    rows = table(Genotype.load(genotype), class_count(shapes, "head.dense.bias"))
    wanted = {row.torch_key: tuple(row.tf_shape[axis] for axis in row.layout.axes) for row in rows}
    check_shapes(shapes, wanted)
    return {row.tf_name: to_tf(state_dict[row.torch_key], row) for row in rows}


def to_torch(array: np.ndarray, row: Row) -> Tensor:
    """One variable as a tensor of its own memory."""
    permuted = row.layout.to_torch(array)
    if permuted.dtype == BFLOAT16:  # a type of ml_dtypes, which torch does not take as it is
        return torch.from_numpy(permuted.view(np.int16)).view(torch.bfloat16)
    return torch.from_numpy(permuted)


def to_tf(tensor: Tensor, row: Row) -> np.ndarray:
    """One tensor as an array of its own memory."""
    tensor = tensor.detach().cpu()
    if tensor.dtype == torch.bfloat16:
        return row.layout.to_tf(tensor.view(torch.int16).numpy().view(BFLOAT16))
    return row.layout.to_tf(tensor.numpy())


def class_count(shapes: Mapping[str, Sequence[int]], bias: str) -> int:
    """How many classes the classifier has, by its bias."""
    shape = shapes.get(bias, ())
    if len(shape) != 1 or shape[0] < 1:
        raise InputError(f"no classifier: {bias!r} of shape [classes] is missing")
    return shape[0]


def check_shapes(
    found: Mapping[str, tuple[int, ...]], wanted: Mapping[str, tuple[int, ...]]
) -> None:
    """Raise one MisfitError that lists every missing, unexpected and misshapen name."""
    missing = [f"{name} {_show(shape)}" for name, shape in wanted.items() if name not in found]
    unexpected = [f"{name} {_show(shape)}" for name, shape in found.items() if name not in wanted]
    misshapen = [
        f"{name} (wanted {_show(wanted[name])}, found {_show(shape)})"
        for name, shape in found.items()
        if name in wanted and shape != wanted[name]
    ]
    misfits = {"missing": missing, "unexpected": unexpected, "misshapen": misshapen}
    if any(misfits.values()):
        raise MisfitError.of(misfits)


class MisfitError(InputError):
    """Variables that do not fit a net.

    `misfits` holds all of them, with their shapes: `missing`, `unexpected` and `misshapen`.
    """

    misfits: Mapping[str, Sequence[str]] = {}

    @classmethod
    def of(cls, misfits: Mapping[str, Sequence[str]]) -> "MisfitError":
        """One whose message lists all of them by name."""
        return cls._saying("", misfits, [", ".join(names) for names in misfits.values()])

    def shortened(self, where: str | Path) -> "MisfitError":
        """The same as one line of bounded length that begins with the file's name."""
        return self._saying(f"{where}: ", self.misfits, map(_shorten, self.misfits.values()))

    @classmethod
    def _saying(
        cls, start: str, misfits: Mapping[str, Sequence[str]], lists: Iterable[str]
    ) -> "MisfitError":
        pairs = zip(misfits.items(), lists, strict=True)
        told = [f"{len(names)} {kind}: {text}" for (kind, names), text in pairs if names]
        error = cls(f"{start}variables do not fit the net: {'; '.join(told)}")
        error.misfits = misfits
        return error


def _shorten(names: Sequence[str]) -> str:
    few = ", ".join(visible(name, LONGEST_LISTED) for name in names[:MOST_LISTED])
    more = len(names) - MOST_LISTED
    return f"{few} and {more} more" if more > 0 else few


def _show(shape: Sequence[int]) -> str:
    return f"[{', '.join(map(str, shape))}]"
