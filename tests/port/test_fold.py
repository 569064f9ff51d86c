"""Folding batch norms changes no function, and is exact in float64."""

import pytest
import torch

from port import TinyVideoNet, capture
from port.fold import fold_batch_norms
from port.layers import BatchNorm
from tests.port.test_export import make_net
from tests.verify.nets import EVERY_LAYER


@pytest.fixture(scope="module")
def net() -> TinyVideoNet:
    return make_net(EVERY_LAYER).double()


def test_every_tap_that_is_left_stays_as_it_was(net: TinyVideoNet) -> None:
    clips = torch.rand(2, 3, 4, 24, 31, dtype=torch.float64)
    with torch.inference_mode():
        _, before = capture(net, clips)
        _, after = capture(fold_batch_norms(net), clips)
    gone = before.keys() - after.keys()
    assert gone and all("conv2d" in name for name in gone)
    assert list(after) == [name for name in before if name not in gone]
    for name, value in after.items():
        assert (value - before[name]).abs().max() <= 1e-13 * before[name].abs().max(), name


def test_no_batch_norm_is_left_and_the_net_keeps_its_own(net: TinyVideoNet) -> None:
    kinds = [type(module) for module in fold_batch_norms(net).modules()]
    assert BatchNorm not in kinds
    assert BatchNorm in [type(module) for module in net.modules()]


def test_weights_are_rounded_once_to_the_nets_precision(net: TinyVideoNet) -> None:
    single = make_net(EVERY_LAYER)
    exact = fold_batch_norms(single.double()).state_dict()
    for key, value in fold_batch_norms(single.float()).state_dict().items():
        assert torch.equal(value, exact[key].float()), key
