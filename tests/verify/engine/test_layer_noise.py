"""What a net's own numbers hide in a layer, noise shows."""

import pytest
import torch

import verify
from port import TinyVideoNet, create_model, tf_from_state_dict
from port.layers.activation import HardSwish
from port.taps import tapped_modules
from tests.verify.nets import EVERY_LAYER
from verify.engine.layer_noise import compare_on_noise

SQUEEZE = "Block-0-0/SqueezeExcite"


@pytest.fixture
def net() -> TinyVideoNet:
    """Its squeeze computes numbers far below zero, whatever the clips."""
    net = create_model(EVERY_LAYER, num_classes=7).eval()
    with torch.no_grad():
        tapped_modules(net)[f"{SQUEEZE}/conv2d"].bias.fill_(-50)
    return net


def spec_of(net: TinyVideoNet) -> verify.PortSpec:
    variables = tf_from_state_dict(net.state_dict(), EVERY_LAYER)
    return verify.layers_spec(verify.Subject(EVERY_LAYER, variables=variables, net=net, width=31))


def test_a_right_port_passes_at_every_tap(net: TinyVideoNet) -> None:
    report = compare_on_noise(spec_of(net))
    assert report.passed, report.first_failure
    assert [tap.name for tap in report.taps] == list(tapped_modules(net))


def test_an_activation_that_no_clip_shows_to_be_wrong_fails(net: TinyVideoNet) -> None:
    spec = spec_of(net)
    tapped_modules(net)[f"{SQUEEZE}/relu"].__class__ = HardSwish
    assert verify.compare_layers(spec).passed
    report = compare_on_noise(spec)
    assert [tap.name for tap in report.taps if not tap.passed] == [f"{SQUEEZE}/relu"]
