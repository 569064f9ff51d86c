"""The port in other forms: right ones pass, wrong ones fail where they are wrong."""

import json
from dataclasses import replace
from typing import cast

import pytest
import torch

import port.fold
import verify
from port import Genotype, InputError, TinyVideoNet
from port.layers import BatchNorm
from port.optimize import products
from port.optimize.frames import FramePool
from port.optimize.gates import GatedExpansion
from port.optimize.kernel.build import load_kernel
from port.optimize.optimize import optimize
from port.optimize.pointwise import Pointwise
from port.optimize.products import SplitPointwise
from port.optimize.skips import JoinedResidual
from port.taps import tapped_modules
from tests.verify.nets import EVERY_LAYER
from tests.verify.variants import SPEC, copy_of_port, judge
from verify.tvn.low_precision import verify_bfloat16
from verify.tvn.spec import TvnPort
from verify.tvn.variants import VARIANTS, VariantPort, variant


@pytest.mark.parametrize("name", ["channels_last", "folded", "optimized", "exported"])
def test_a_variant_of_a_right_port_passes_at_every_tap(name: str) -> None:
    report = judge(name)
    assert report.passed, report.summary
    assert all(tap.isolated for tap in report.taps)


def test_the_kernels_products_pass_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(products, "LEAST_OUTPUTS", 1)
    report = judge("optimized")
    assert report.passed, report.summary


def test_folded_convolutions_are_named_and_the_rest_is_judged() -> None:
    report = judge("folded")
    gone = report.about.remarks["taps gone"]
    assert all("conv2d" in tap for tap in gone)
    names = [tap for tap in tapped_modules(copy_of_port()) if tap not in gone]
    assert [tap.name for tap in report.taps] == names


def test_a_fold_that_forgets_epsilon_fails_at_the_first_batch_norm() -> None:
    def fold_without_epsilon(net: TinyVideoNet) -> TinyVideoNet:
        for module in net.modules():
            if isinstance(module, BatchNorm):
                module.eps = 0.0
        return port.fold.fold_batch_norms(net)

    wrong = VariantPort(copy_of_port(), 2, fold_without_epsilon)
    report = verify.compare_layers(replace(variant("folded", SPEC), port=wrong))
    assert report.first_failure == "Block-0-0/STConvs/batch_normalization"
    alone = [tap.name for tap in report.taps if not (tap.isolated and tap.isolated.passed)]
    assert alone == [tap.name for tap in report.taps if "batch_normalization" in tap.name]


@pytest.mark.parametrize(
    ("kind", "attribute", "value", "at"),
    [
        (GatedExpansion, "frames", 1, "Block-0-0"),
        (Pointwise, "shift", None, "Block-1-0"),
        (JoinedResidual, "sample", torch.nn.Identity(), "Block-1-0"),
        (FramePool, "windows", [range(1), range(1)], "Block-2-0/STConvs/temporal_max_pool"),
        (SplitPointwise, "bias", None, "Block-0-0/STConvs/relu"),
    ],
)
def test_a_mistake_of_a_pass_fails_where_it_is(
    kind: type, attribute: str, value: object, at: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if kind is SplitPointwise and load_kernel() is None:
        pytest.skip("no AMX or no C compiler")
    monkeypatch.setattr(products, "LEAST_OUTPUTS", 1)  # or the kernel leaves so small a net alone

    def spoil(net: TinyVideoNet) -> TinyVideoNet:
        fast = optimize(net)
        for module in fast.modules():
            if isinstance(module, kind) and getattr(module, "kind", "maxpool") == "maxpool":
                setattr(module, attribute, value)
        return fast

    spec = variant("optimized", SPEC)
    wrong = replace(cast(VariantPort, spec.port), net=copy_of_port(), change=spoil)
    report = verify.compare_layers(replace(spec, port=wrong))
    assert report.first_failure == at


def test_an_exported_program_with_a_changed_weight_fails_at_its_layer() -> None:
    net, tap = copy_of_port(), "Block-1-0/STConvs/conv2d"
    with torch.no_grad():
        tapped_modules(net)[tap].weight[0] *= 1.01
    report = judge("exported", net)
    assert report.first_failure == tap
    assert [t.name for t in report.taps if not (t.isolated and t.isolated.passed)] == [tap]


@pytest.mark.slow
def test_a_compiled_port_passes_but_is_not_isolated() -> None:
    blocks = EVERY_LAYER.to_dict()["blocks"][:2]
    short = Genotype.from_dict(EVERY_LAYER.to_dict() | {"blocks": blocks})
    report = verify.compare_layers(
        variant("compiled", verify.layers_spec(verify.Subject(short, num_classes=7)))
    )
    assert report.passed
    assert "not isolated" in report.summary
    assert not any(tap.isolated for tap in report.taps)


def test_bfloat16_keeps_the_clear_decisions() -> None:
    report = verify_bfloat16(SPEC)
    assert report.passed, report.summary
    assert list(report.taps) == list(tapped_modules(copy_of_port()))
    worst = max(difference.relative for difference in report.taps.values())
    assert 2**-10 < worst < 0.2, "it rounds as bfloat16 does, and no worse"
    assert report.centred.classes > 1


def test_bfloat16_of_a_net_with_an_infinity_fails_at_its_tap() -> None:
    net, tap = copy_of_port(), "Block-1-0/STConvs/conv2d"
    with torch.no_grad():
        tapped_modules(net)[tap].weight[0] = torch.inf
    report = verify_bfloat16(replace(SPEC, port=TvnPort(net, batch=2)))
    assert not report.passed
    assert report.first_failure == tap


def test_a_failing_variant_fails_the_whole_and_is_in_the_json_and_the_page() -> None:
    right = verify.compare_layers(SPEC)
    net = copy_of_port()
    with torch.no_grad():
        tapped_modules(net)["dense"].bias[0] += 1
    outcomes = {"channels_last": judge("channels_last", net), "bfloat16": verify_bfloat16(SPEC)}
    report = replace(right, further=outcomes)
    assert right.passed
    assert not report.passed
    assert report.first_failure == "dense"
    data = json.loads(report.to_json())["further"]
    assert {name: entry["passed"] for name, entry in data.items()} == {
        "channels_last": False,
        "bfloat16": True,
    }
    page = report.to_html()
    assert "channels_last" in page and "another function" in page


def test_an_unknown_variant_is_refused_with_those_there_are() -> None:
    with pytest.raises(InputError, match=", ".join(VARIANTS)):
        variant("onxn", SPEC)
