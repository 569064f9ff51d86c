"""The ports in examples/ that nobody here wrote: what is found in them, and patches mend it."""

import importlib
from pathlib import Path

import pytest

import verify
from tests.verify.custom.matched import matching_of
from verify.custom.load import load_spec
from verify.custom.training.diagnose import diagnose_own_training
from verify.reports.report import Report

pytest.importorskip("transformers", reason="the extra `examples` is not installed")
pytestmark = pytest.mark.slow

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture(autouse=True)
def beside_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(EXAMPLES))


def wrong_alone(report: Report) -> list[str]:
    return [t.name for t in report.taps if t.isolated and not t.isolated.same_function]


@pytest.mark.parametrize(("example", "taps"), [("resnet50", 175), ("efficientnet_b0", 256)])
def test_the_patched_port_is_the_same_function(example: str, taps: int) -> None:
    spec = load_spec(EXAMPLES / f"{example}.py")
    report = verify.compare_layers(spec)
    assert report.passed, report.first_failure
    assert len(report.taps) == taps
    assert matching_of(spec).ambiguous == []


@pytest.mark.parametrize(
    ("example", "first"),
    [("resnet50_as_it_is", "conv1_conv"), ("efficientnet_b0_as_it_is", "stem_conv")],
)
def test_the_port_as_it_is_is_another_net(example: str, first: str) -> None:
    assert verify.compare_layers(load_spec(EXAMPLES / f"{example}.py")).first_failure == first


@pytest.mark.parametrize(
    ("missing", "kind", "count"),
    [("biases", "_conv", 53), ("epsilon", "_bn", 53), ("stride", "_conv", 6)],
)
def test_each_patch_of_resnet_is_needed(missing: str, kind: str, count: int) -> None:
    import resnet50

    patches = [patch for patch in resnet50.PATCHES if patch != missing]
    wrong = wrong_alone(verify.compare_layers(resnet50.spec(patches, size=64)))
    assert len(wrong) == count
    assert all(name.endswith(kind) for name in wrong)


def test_efficientnet_is_padded_for_even_sizes_only() -> None:
    import efficientnet_b0

    padded = efficientnet_b0.Patched()
    padded.net.efficientnet = efficientnet_b0.as_it_is().efficientnet
    wrong = wrong_alone(verify.compare_layers(efficientnet_b0.spec(padded, size=65)))
    assert wrong == ["stem_conv", *(f"block{block}a_dwconv" for block in (2, 3, 4, 6))]
    assert verify.compare_layers(efficientnet_b0.spec(size=65)).passed


MOMENTUM, VARIANCE = "momentum {} instead of 0.01", "unbiased moving variance instead of biased"


@pytest.mark.parametrize(
    ("example", "causes"),
    [
        ("resnet50", [(MOMENTUM.format(0.1), 53), (VARIANCE, 53)]),
        (
            "efficientnet_b0",
            [(MOMENTUM.format(0.99), 34), (VARIANCE, 49), (MOMENTUM.format(0.1), 15)],
        ),
    ],
)
def test_what_their_batch_norms_remember_is_told(
    example: str, causes: list[tuple[str, int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    module = importlib.import_module(example)
    monkeypatch.setattr(module, "remember_like_keras", lambda net: None)
    spec = module.spec(size=96)
    found = diagnose_own_training(spec.training)
    told = [f"and at {count - 1} more" for _, count in causes]
    assert [cause.name for cause in found.causes] == [name for name, _ in causes]
    assert [cause.detail for cause in found.causes] == told
    assert found.confirmed
