"""Probes: a right port passes all of them, and each sees a mistake that plain noise can miss."""

import numpy as np
import pytest
import torch

import verify
from port import (
    Genotype,
    InputError,
    TinyVideoNet,
    create_model,
    state_dict_from_tf,
    tf_from_state_dict,
)
from port.convert.names import table
from port.taps import tapped_modules
from tests.verify.nets import EVERY_LAYER
from verify.numerics.probes import probe_variables
from verify.tvn.faults import named
from verify.tvn.probe_sets import ALL_SETS, EVEN_SIZE, ODD_SIZE, ONE_FRAME, ProbeSet, probe_spec


def _net(genotype: Genotype) -> TinyVideoNet:
    """With probe weights."""
    net = create_model(genotype, num_classes=7)
    shapes = {row.tf_name: row.tf_shape for row in table(genotype, 7)}
    net.load_state_dict(state_dict_from_tf(probe_variables(shapes, 5), genotype))
    return net.eval()


@pytest.fixture(scope="module")
def net() -> TinyVideoNet:
    """The small net."""
    return _net(EVERY_LAYER)


def _verify(probes: ProbeSet, net: TinyVideoNet) -> verify.Report:
    right = {name: value.copy() for name, value in _variables(net).items()}
    return verify.compare_layers(
        probe_spec(probes, verify.Subject(net.genotype, variables=right, net=net))
    )


def _variables(net: TinyVideoNet) -> dict[str, np.ndarray]:
    return tf_from_state_dict(net.state_dict(), net.genotype)


@pytest.mark.parametrize("probes", ALL_SETS, ids=lambda probes: probes.name)
def test_a_right_port_passes(probes: ProbeSet, net: TinyVideoNet) -> None:
    if probes is ONE_FRAME:
        blocks = EVERY_LAYER.to_dict()["blocks"][:-1]
        net = _net(Genotype.from_dict(EVERY_LAYER.to_dict() | {"blocks": blocks}))
    report = _verify(probes, net)
    assert report.passed, report.first_failure


def test_sizes_complement_each_other(net: TinyVideoNet) -> None:
    """What is symmetric at one size is not at the other: each padding fault shows in one."""
    sides = named("padding on the other side")
    for tap in sides.sites(net):
        with sides.planted(net, tap):
            found = [_verify(probes, net).first_failure for probes in (ODD_SIZE, EVEN_SIZE)]
        assert tap in found


def test_a_relu6_in_place_of_a_relu_shows_under_saturation(net: TinyVideoNet) -> None:
    tap = "Block-0-0/STConvs/relu"
    module = tapped_modules(net)[tap]
    right = module.__class__
    module.__class__ = type("Capped", (torch.nn.Module,), {"forward": lambda _, x: x.clamp(0, 6)})
    try:
        assert _verify(EVEN_SIZE, net).first_failure == tap
    finally:
        module.__class__ = right


def test_frames_that_change_the_weights_are_refused(net: TinyVideoNet) -> None:
    """Its last block narrows in the temporal layer, which one frame leaves out."""
    with pytest.raises(InputError, match="other weights"):
        _verify(ONE_FRAME, net)
