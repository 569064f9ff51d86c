"""In which layout an activation of the original lies in the port, where nobody says it."""

import numpy as np
from torch import Tensor

from port.errors import InputError
from verify.custom.layouts.fingerprint import agree
from verify.custom.layouts.layout import ACTIVATIONS, Layout, fitting, possible


def layout_of(value: np.ndarray, output: Tensor) -> Layout:
    """In which layout the port's output is the original's value; the likeliest if in none."""
    shape, array = tuple(output.shape), output.detach().numpy()
    possible = list(fitting(ACTIVATIONS, value.shape, shape))
    for layout in possible:
        if agree(layout.to_original(array), value):
            return layout
    return possible[0] if possible else _nearest_layout(value.shape, shape)


def _nearest_layout(shape: tuple[int, ...], port_shape: tuple[int, ...]) -> Layout:
    """Of those for so many axes, the one by which most of them are of one size."""
    likely, most = likely_layout(len(shape), len(port_shape)), 0
    for layout, made in possible(ACTIVATIONS, shape):
        alike = sum(a == b for a, b in zip(made, port_shape, strict=False))
        if len(made) == len(port_shape) and alike > most:
            likely, most = layout, alike
    return likely


def likely_layout(rank: int, port_rank: int) -> Layout:
    """Of arrays of so many axes; of ranks that never go together, none."""
    for pattern in ACTIVATIONS:
        left, right = pattern.split("->")
        if "(" not in pattern and (len(left.split()), len(right.split())) == (rank, port_rank):
            return Layout(pattern)
    axes = " ".join(f"a{index}" for index in range(rank))
    return Layout(f"{axes} -> {axes}")


def gives(output: Tensor, value: np.ndarray) -> bool:
    """Is the port's output the original's value, in some layout?"""
    return fits(value, output) and gives_in(layout_of(value, output), output, value)


def gives_in(layout: Layout, output: Tensor, value: np.ndarray) -> bool:
    """Is the port's output the original's value in this layout?"""
    try:
        return agree(layout.to_original(output.detach().numpy()), value)
    except InputError:
        return False


def fits(value: np.ndarray, output: Tensor) -> bool:
    """Has the port's output the shape of the original's value, in some layout?"""
    return any(fitting(ACTIVATIONS, value.shape, tuple(output.shape)))
