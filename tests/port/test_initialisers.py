"""Fresh weights have the published distributions."""

import math

import pytest
import torch
from torch import Tensor

from port.layers import BatchNorm, Conv2d, DepthwiseConv2d, TemporalConv
from port.model import TinyVideoNet
from tests.port.nets import small_net

# Cutting a normal at two standard deviations leaves this part of its deviation.
LEFT_BY_CUT = 0.8796256610342398


@pytest.mark.parametrize(
    ("layer", "fan_in"),
    [
        (Conv2d(32, 128, (3, 3)), 9 * 32),
        (TemporalConv(64, 256, 3, 1, 4), 3 * 64),
        (DepthwiseConv2d(1024, 5, 1), 25 * 1024),  # as the original's initialiser counts it
    ],
)
def test_kernels_are_cut_normals_scaled_by_their_fan_in(
    layer: Conv2d | DepthwiseConv2d, fan_in: int
) -> None:
    torch.manual_seed(0)
    layer.reset_parameters()
    deviation = math.sqrt(1.3 * 2 / fan_in)
    assert_distribution(layer.weight, deviation * LEFT_BY_CUT)
    assert 1.98 * deviation < layer.weight.abs().max() <= 2 * deviation


def test_the_classifier_is_a_narrow_normal() -> None:
    torch.manual_seed(0)
    net = small_net(num_classes=5000)
    for _ in range(2):
        dense = net.get_classifier()
        assert_distribution(dense.weight, 0.01)
        assert dense.weight.abs().max() > 0.03  # not cut
        assert not dense.bias.any()
        net.reset_classifier(4000)


def test_biases_and_batch_norm_start_at_nothing_learnt() -> None:
    net: TinyVideoNet = small_net()
    norms = [module for module in net.modules() if isinstance(module, BatchNorm)]
    biases = [m.bias for m in net.modules() if isinstance(m, Conv2d) and m.bias is not None]
    assert norms and biases
    assert not any(bias.any() for bias in biases)
    for norm in norms:
        assert (norm.weight == 1).all() and (norm.bias == 0).all()
        assert (norm.running_mean == 0).all() and (norm.running_var == 1).all()


def assert_distribution(weight: Tensor, deviation: float) -> None:
    assert weight.std().item() == pytest.approx(deviation, rel=0.03)
    assert abs(weight.mean().item()) < 0.03 * deviation
