"""A right port passes at every layer; a wrong one fails, at the layer that is wrong."""

import json
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import torch

import verify
from port import Genotype, TinyVideoNet, create_model, state_dict_from_tf
from port.convert.names import table
from port.taps import tapped_modules
from tests.verify.nets import EVERY_LAYER
from verify.numerics.probes import probe_variables
from verify.reports.report import Report
from verify.tvn.faults import Fault, named

Check = Callable[[TinyVideoNet], Report]


class _Kept:
    """A runner of the original that outlives the verification, since making one takes longest."""

    def __init__(self, runner: verify.OriginalRunner) -> None:
        self.run_stage, self.run_layer = runner.run_stage, runner.run_layer

    def close(self) -> None:
        """Stay open."""


@pytest.fixture(scope="module")
def variables() -> dict[str, np.ndarray]:
    """Probe weights of the small net."""
    return probe_variables({row.tf_name: row.tf_shape for row in table(EVERY_LAYER, 7)}, seed=3)


@pytest.fixture(scope="module")
def originals(variables: dict[str, np.ndarray]) -> dict[str, _Kept]:
    """The original with them, in both precisions."""
    make = verify.layers_spec(verify.Subject(EVERY_LAYER, variables=variables, width=31)).original
    return {precision: _Kept(make(precision)) for precision in ("float64", "float32")}


@pytest.fixture
def check(
    variables: dict[str, np.ndarray], originals: dict[str, _Kept]
) -> Callable[[TinyVideoNet], Report]:
    """Verify a net against them."""

    def run(net: TinyVideoNet) -> Report:
        spec = verify.layers_spec(
            verify.Subject(EVERY_LAYER, variables=variables, net=net, width=31)
        )
        return verify.compare_layers(replace(spec, original=originals.__getitem__))

    return run


@pytest.fixture
def net(variables: dict[str, np.ndarray]) -> TinyVideoNet:
    """The port with those weights, to be spoilt."""
    net = create_model(EVERY_LAYER, num_classes=7)
    net.load_state_dict(state_dict_from_tf(variables, EVERY_LAYER))
    return net


def test_a_right_port_passes_at_every_tap(net: TinyVideoNet, check: Check) -> None:
    report = check(net)
    assert report.passed
    assert report.first_failure is None
    assert [tap.name for tap in report.taps] == list(tapped_modules(net))
    worst = max(tap.accumulated.function.relative for tap in report.taps if tap.accumulated)
    assert 0 < worst < 1e-13


# One of each kind, through a whole verification; tests/verify/tvn/test_faults.py plants them all.
SOME_FAULTS = (
    "padding on the other side",
    "padding counted in averages",
    "batch-norm epsilon 1e-3",
    "depthwise kernel transposed",
    "missing ReLU",
    "squeeze-and-excitation over a frame instead of a clip",
    "hard-swish without the cap",
    "temporal kernel reversed",
)


@pytest.mark.parametrize("fault", map(named, SOME_FAULTS), ids=lambda fault: fault.name)
def test_a_wrong_port_fails_at_the_layer_that_is_wrong(
    fault: Fault, net: TinyVideoNet, check: Check
) -> None:
    sites = fault.sites(net)
    assert sites
    for tap in {sites[0], sites[-1]}:
        with fault.planted(net, tap):
            report = check(net)
        assert not report.passed
        assert report.first_failure == tap
        names = [t.name for t in report.taps]
        # Told by what the layer does, not only by what its weights are.
        assert report.taps[names.index(tap)].reason is not verify.Reason.OTHER_WEIGHTS
        # The layers behind it do as the original does with what the original hands them.
        behind = report.taps[names.index(tap) + 1 :]
        healthy = [t.isolated.passed for t in behind if t.isolated]
        assert sum(healthy) >= len(healthy) - 2
    right = check(net)
    assert right.passed, "mending the fault must mend the port"


def test_one_flipped_bit_of_one_weight_fails_at_its_layer(net: TinyVideoNet, check: Check) -> None:
    tap = "Block-1-0/STConvs/conv2d"
    weight = tapped_modules(net)[tap].weight
    with torch.no_grad():
        weight.view(torch.int32)[0, 0] ^= 1
    failed = {t.name: t for t in check(net).taps if not t.passed}
    assert failed[tap].other_weights == (f"{tap}/kernel",)
    with torch.no_grad():
        weight[0, 0] += 1e-3
    assert check(net).first_failure == tap


def test_a_port_that_breaks_off_fails_where_it_does(net: TinyVideoNet, check: Check) -> None:
    block = net.blocks[1][0]
    block.path.spatial.act = torch.nn.Flatten()
    block.path.spatial.act.tap_name = "Block-1-0/STConvs/hswish_1"
    report = check(net)
    assert report.first_failure == "Block-1-0/STConvs/hswish_1"
    after = {tap.name: tap for tap in report.taps}
    assert after["Block-1-0/STConvs/temporal_avg_pool"].reason == "the port did not compute it"
    assert after["dense"].isolated is not None
    assert after["dense"].isolated.passed


def test_a_port_without_a_layer_fails(net: TinyVideoNet, check: Check) -> None:
    net.blocks[0][0].path.spatial.act = torch.nn.Identity()
    report = check(net)
    assert report.first_failure == "Block-0-0/STConvs/relu_1"


def test_nan_in_the_port_fails(net: TinyVideoNet, check: Check) -> None:
    with torch.no_grad():
        tapped_modules(net)["Block-0-0/STConvs/batch_normalization"].bias[0] = torch.nan
    report = check(net)
    assert report.first_failure == "Block-0-0/STConvs/batch_normalization"
    assert json.loads(report.to_json())["passed"] is False


def test_both_heads_and_streams_are_verified() -> None:
    streams = [{"num_frames": 3, "frame_stride": 1, "image_size": 17}]
    data = {"blocks": [b | {"inputs": [i]} for i, b in enumerate(EVERY_LAYER.to_dict()["blocks"])]}
    genotype = Genotype.from_dict(data | {"input_streams": streams})
    spec = verify.layers_spec(
        verify.Subject(genotype, height=24, width=31, max_pool_predictions=True)
    )
    report = verify.compare_layers(spec)
    assert report.passed, report.first_failure
    assert [tap.name for tap in report.taps][-3:] == ["dense", "softmax", "logits"]


def test_stages_read_only_what_came_before() -> None:
    spec = verify.layers_spec(verify.Subject(EVERY_LAYER))
    taps = [set(stage.taps) for stage in spec.stages]
    for earlier, stage in pairwise(range(len(spec.stages))):
        available = set(spec.inputs).union(*taps[: earlier + 1])
        assert set(spec.stages[stage].reads) <= available


def test_an_empty_report_has_not_passed() -> None:
    assert not Report("nothing", []).passed


def test_a_report_reads_as_strict_json_and_as_a_page(net: TinyVideoNet, check: Check) -> None:
    report = replace(check(net), name="<net>")
    data = json.loads(report.to_json(), parse_constant=lambda text: pytest.fail(text))
    assert data["passed"] is True
    assert data["first_failure"] is None
    assert [tap["name"] for tap in data["taps"]] == [tap.name for tap in report.taps]
    page = report.to_html()
    assert "&lt;net&gt;" in page
    assert "<net>" not in page
    assert all(tap.name in page for tap in report.taps)
