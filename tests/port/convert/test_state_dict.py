"""TensorFlow variables and torch's state dict turn into one another, bit for bit or not at all."""

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from port import Genotype, InputError, TinyVideoNet, state_dict_from_tf, tf_from_state_dict
from port.convert.names import table
from tests.port.nets import small_genotype, small_net, small_state_dict, small_variables
from tests.strategies import genotypes

DTYPES = [np.float16, np.float32, np.float64]


@settings(max_examples=60)
@given(genotype=genotypes(), classes=st.integers(1, 4), dtype=st.sampled_from(DTYPES))
def test_both_ways_are_exact_inverses(genotype: Genotype, classes: int, dtype: Any) -> None:
    try:
        rows = table(genotype, classes)
    except InputError:
        assume(False)
    # Any bits at all, NaN among them.
    random = np.random.default_rng(0)
    variables = {
        row.tf_name: np.frombuffer(
            random.bytes(int(np.prod(row.tf_shape)) * np.dtype(dtype).itemsize), dtype
        ).reshape(row.tf_shape)
        for row in rows
    }
    state_dict = state_dict_from_tf(variables, genotype)
    with torch.device("meta"):
        net = TinyVideoNet(genotype, classes)
    assert {k: v.shape for k, v in state_dict.items()} == {
        k: v.shape for k, v in net.state_dict().items()
    }
    back = tf_from_state_dict(state_dict, genotype)
    assert list(back) == list(variables)
    for name, value in variables.items():
        assert back[name].dtype == value.dtype and back[name].shape == value.shape
        assert back[name].tobytes() == value.tobytes(), name
    again = state_dict_from_tf(back, genotype)
    for key, tensor in state_dict.items():
        assert tensor.numpy().tobytes() == again[key].numpy().tobytes(), key


def test_layouts_are_those_of_the_frameworks() -> None:
    variables, state_dict = small_variables(), small_state_dict()
    for row in table(small_genotype(), 5):
        value, found = variables[row.tf_name], state_dict[row.torch_key].numpy()
        match row.tf_name.rpartition("/")[2], value.ndim:
            case "kernel", 4:
                np.testing.assert_array_equal(found, np.einsum("hwio->oihw", value))
            case "depthwise_kernel", _:
                np.testing.assert_array_equal(found, np.einsum("hwco->cohw", value))
            case "kernel", _:
                np.testing.assert_array_equal(found, value.T)
            case _:
                np.testing.assert_array_equal(found, value)


def test_everything_that_does_not_fit_is_listed_at_once() -> None:
    variables = small_variables()
    wanted = "Block-0-0/STConvs/conv2d/kernel"
    del variables["Block-0-0/Expand/conv2d/kernel"], variables["Block-1-1/Residual/conv2d/kernel"]
    variables[wanted] = variables[wanted][..., :3]
    variables["Block-9-0/STConvs/conv2d/kernel"] = np.zeros((1, 2))
    with pytest.raises(InputError) as caught:
        state_dict_from_tf(variables, small_genotype())
    message = str(caught.value)
    assert "\n" not in message
    assert (
        "2 missing: Block-0-0/Expand/conv2d/kernel [1, 1, 4, 8], Block-1-1/Residual/conv2d/kernel"
    ) in message
    assert "1 unexpected: Block-9-0/STConvs/conv2d/kernel [1, 2]" in message
    assert f"1 misshapen: {wanted} (wanted [1, 1, 3, 4], found [1, 1, 3, 3])" in message


def test_the_way_back_is_as_strict() -> None:
    state_dict = small_state_dict()
    key = next(iter(state_dict))
    state_dict["extra"] = state_dict.pop(key)
    with pytest.raises(InputError, match=f"1 missing: {key} .*1 unexpected: extra "):
        tf_from_state_dict(state_dict, small_genotype())


@pytest.mark.parametrize("bias", [None, np.zeros(()), np.zeros((2, 2)), np.zeros(0)])
def test_a_classifier_without_classes_is_refused(bias: np.ndarray | None) -> None:
    variables = small_variables()
    del variables["dense/bias"]
    if bias is not None:
        variables["dense/bias"] = bias
    with pytest.raises(InputError, match="dense/bias"):
        state_dict_from_tf(variables, small_genotype())


def test_results_share_no_memory_with_what_they_came_from() -> None:
    variables = small_variables()
    state_dict = state_dict_from_tf(variables, small_genotype())
    for row in table(small_genotype(), 5):
        assert not np.shares_memory(state_dict[row.torch_key].numpy(), variables[row.tf_name])
    net = small_net()
    back = tf_from_state_dict(net.state_dict(), small_genotype())
    before = {name: value.copy() for name, value in back.items()}
    with torch.no_grad():
        for tensor in net.state_dict().values():
            tensor += 1
    for name, value in before.items():
        np.testing.assert_array_equal(back[name], value)
