"""Blocks of arrays by name, and rows that are made of them."""

import numpy as np
import pytest
import torch
from torch import nn

from port.errors import InputError
from verify.custom.layouts.parts import block, split_name
from verify.custom.matching.weights import differing, empty, homeless, load, rows_of_table


@pytest.mark.parametrize(
    ("text", "name", "block"),
    [
        ("a/kernel", "a/kernel", np.s_[:]),
        ("a/kernel[:, 2:4]", "a/kernel", np.s_[:, 2:4]),
        ("bias[1]", "bias", np.s_[1]),
        ("bias[-1, 1:]", "bias", np.s_[-1, 1:]),
    ],
)
def test_a_block_is_what_numpy_has_there(text: str, name: str, block: tuple[slice, ...]) -> None:
    array = np.arange(24).reshape(4, 6)
    found, index = split_name(text)
    np.testing.assert_array_equal(index(array), array[block])
    assert (found, f"{found}{index}") == (name, text)


@pytest.mark.parametrize("text", ["", "a[", "a[b]", "a[0]]", "[0]"])
def test_what_is_no_name_of_a_block_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="no name, and no part"):
        split_name(text)


@pytest.mark.parametrize("text", ["a[7]", "a[0, 0, 0]"])
def test_a_block_that_is_not_there_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="none of the shape"):
        split_name(text)[1](np.zeros((4, 6)))


def test_blocks_are_loaded_compared_and_accounted_for() -> None:
    module = nn.Module()
    module.first, module.second = (nn.Parameter(torch.ones(4)) for _ in range(2))
    module.packed = nn.Parameter(torch.ones(6, 3))
    draw = np.random.default_rng(0)
    variables = {
        "a": draw.normal(size=(3, 2)).astype(np.float32),
        "b": draw.normal(size=(3, 4)).astype(np.float32),
        "c": draw.normal(size=4).astype(np.float32),
    }
    table = {"a": ("packed[0:2]", "i o -> o i"), "b[:, 0:2]": ("packed[4:6]", "i o -> o i")}
    half = rows_of_table(table, variables, module)
    assert homeless(half, variables) == ["b", "c"]
    assert empty(half, module) == ["first", "second", "packed"]
    more = {"b[:, 2:4]": ("packed[2:4]", "i o -> o i"), "c": "first + second"}
    rows = half + rows_of_table(more, variables, module)
    assert not homeless(rows, variables) and not empty(rows, module)
    assert str(block(1, 2, 4)) == str(rows[2].of) == "[:, 2:4]"
    load(module, rows, variables)
    expected = np.concatenate([variables["a"].T, variables["b"][:, 2:].T, variables["b"][:, :2].T])
    np.testing.assert_array_equal(module.packed.detach(), expected)
    assert differing(module, rows, variables) == []
    with torch.no_grad():  # the sum is the variable, whichever of the two holds it
        module.first.copy_(0 * module.first)
        module.second.copy_(torch.from_numpy(variables["c"]))
    assert differing(module, rows, variables) == []
    with torch.no_grad():
        module.packed[5, 1] += 1e-6
        module.first += 1
    assert differing(module, rows, variables) == ["b", "c"]
