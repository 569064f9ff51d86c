"""What is wrong is named, with how much it explains: in this port, and in anybody's layers."""

import copy
import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn import functional as F

from port import TinyVideoNet
from port.tf_semantics import pad_same
from tests.verify.nets import EVERY_LAYER_SUBJECT
from tests.verify.tvn.test_faults import the_rest
from verify.diagnosis.amplification import amplification, steepest
from verify.diagnosis.diagnose import Diagnosis, diagnose
from verify.diagnosis.fault import Site, behaves
from verify.diagnosis.layer_view import LayerView
from verify.diagnosis.try_repairs import mending
from verify.engine.inference import compare_layers
from verify.measure.bench import Bench, bench_of
from verify.measure.diagnosis import diagnosed
from verify.numerics.compare import Difference
from verify.numerics.verdicts import Verdict
from verify.reports.report import TapReport
from verify.tvn.cases import Case
from verify.tvn.faults import Fault, named
from verify.tvn.search_faults import search_faults
from verify.tvn.spec import TvnPort

NORM, CONV = "Block-0-0/STConvs/batch_normalization", "Block-0-0/STConvs/conv2d_1"
RELU, GATE = "Block-0-0/STConvs/relu", "Block-0-0/SqueezeExcite/conv2d"
CASE = Case(EVERY_LAYER_SUBJECT)


@pytest.fixture(scope="module")
def bench() -> Iterator[Bench]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    made = bench_of(CASE)
    yield made
    made.close()
    torch.set_num_threads(threads)


@pytest.fixture
def explain(bench: Bench) -> Callable[..., Diagnosis]:
    """Verify the port with faults in it, and ask why it fails; with a right net or without."""

    def run(*faults: tuple[str | Fault, str], right: bool = True) -> Diagnosis:
        net: TinyVideoNet = copy.deepcopy(CASE.net)
        with ExitStack() as stack:
            for fault, tap in faults:
                planted = named(fault) if isinstance(fault, str) else fault
                stack.enter_context(planted.planted(net, tap))
            spec = replace(bench.spec, port=TvnPort(net, batch=2))
            return diagnose(spec, compare_layers(spec), search_faults(CASE.net) if right else None)

    return run


def test_a_mistake_is_named_with_what_it_explains_and_confirmed(
    explain: Callable[..., Diagnosis],
) -> None:
    found = explain(("batch-norm epsilon 1e-3", NORM))
    assert found.kinds == {NORM: "a bug: float64 differs too"}
    assert [cause.name for cause in found.causes] == ["batch-norm epsilon 1e-3"]
    assert found.causes[0].explained > 1 - 1e-6
    assert found.causes[0].instead[0][1] < 0.5, "what came next explains much less"
    assert found.confirmed
    assert "explains 100.0 %" in found.lines[1]
    assert json.loads(json.dumps(found.to_dict()))["causes"][0]["tap"] == NORM


def test_without_a_right_layer_the_change_that_mends_it_is_named(
    explain: Callable[..., Diagnosis],
) -> None:
    found = explain(
        ("batch-norm epsilon 1e-3", NORM), ("padding on the other side", CONV), right=False
    )
    assert {cause.tap: cause.name for cause in found.causes} == {
        NORM: "epsilon 0.001 instead of 1e-05",
        CONV: "padding is not SAME",
    }
    assert found.confirmed


@pytest.mark.parametrize(
    "faults",
    [
        [("missing ReLU", RELU), ("one value's sign flipped", GATE)],
        [("batch-norm epsilon 1e-3", NORM), ("gamma and beta swapped", NORM)],
        [("padding VALID", CONV), ("kernel flipped", CONV)],
    ],
    ids=lambda faults: " and ".join(name for name, _ in faults),
)
def test_several_mistakes_are_peeled_off(bench: Bench, faults: list[tuple[str, str]]) -> None:
    causes = diagnosed(bench, [(named(name), tap) for name, tap in faults], "float64")
    assert {(cause.name, cause.tap) for cause in causes} == set(faults)


def test_mistakes_that_have_no_place_together_are_not_tried_together() -> None:
    """A gate of another width has no place for other values of the right one's bias."""
    bench = bench_of(the_rest())
    planted = [
        (named(n), GATE) for n in ("kernel read in TensorFlow's order", "gate's bias missing")
    ]
    causes = diagnosed(bench, planted, "float64")
    bench.close()
    assert {(fault.name, tap) for fault, tap in planted} == {(c.name, c.tap) for c in causes}


def test_a_layer_in_bfloat16_is_rounding_and_no_bug(explain: Callable[..., Diagnosis]) -> None:
    found = explain(("products in bfloat16", CONV))
    assert found.kinds == {CONV: "rounding: only float32 differs"}
    assert [cause.name for cause in found.causes] == ["products in bfloat16"]


def test_what_drops_at_inference_is_told_by_its_mean(bench: Bench) -> None:
    (cause,) = diagnosed(bench, [(named("dropout at inference"), "dense")], "float64")
    assert cause.name == "dropout at inference"
    assert 0.5 < cause.explained < 1


def _sine(module: nn.Module, right: Callable[..., Tensor], x: Tensor) -> Tensor:
    return torch.sin(right(x))


def test_a_right_port_has_no_causes_and_an_unknown_mistake_gets_no_name(bench: Bench) -> None:
    assert diagnosed(bench, [], "float64") == []
    unknown = Fault("sine of it", lambda site: True, behaves(_sine))
    (cause,) = diagnosed(bench, [(unknown, "mean")], "float64")
    assert (cause.name, cause.explained) == ("unexplained", 0)
    assert str(cause) == "mean: unexplained"


@pytest.mark.parametrize("right", [True, False], ids=["with a right net", "without one"])
def test_what_nothing_mends_is_called_unexplained_and_nothing_in_front_is_blamed(
    explain: Callable[..., Diagnosis], right: bool
) -> None:
    unknown = Fault("sine of it", lambda site: True, behaves(_sine))
    found = explain((unknown, "mean"), right=right)
    assert found.lines == ["mean: a bug: float64 differs too", "mean: unexplained"]
    # Found in one layer, not in the other.
    found = explain(("batch-norm epsilon 1e-3", NORM), (unknown, "mean"), right=right)
    causes = {cause.tap: cause.name for cause in found.causes}
    assert causes["mean"] == "unexplained" and causes[NORM] != "unexplained"
    assert found.confirmed is False


def test_rounding_in_front_of_a_fault_is_not_magnified_error(
    explain: Callable[..., Diagnosis],
) -> None:
    """Float64 rounds more and more in front of it, which no line may call an error."""
    assert explain(("products in bfloat16", CONV)).grows_at == []


def test_the_report_holds_the_diagnosis(bench: Bench) -> None:
    net = copy.deepcopy(CASE.net)
    with named("missing ReLU").planted(net, RELU):
        spec = replace(bench.spec, port=TvnPort(net, batch=2))
        report = compare_layers(spec)
        report = replace(report, diagnosis=diagnose(spec, report, search_faults(CASE.net)))
    said = json.loads(report.to_json())["diagnosis"]
    assert said["causes"][0]["cause"] == "missing ReLU"
    assert len(said["amplification"]) == len(report.taps)
    assert "missing ReLU explains 100.0 %" in report.to_html()


def test_amplification_names_each_tap_once_and_measures_from_the_largest_before(
    bench: Bench,
) -> None:
    found = amplification(bench.right)
    assert [each.tap for each in found] == [tap.name for tap in bench.right]
    largest = max(each.accumulated for each in found)
    assert 0 < largest < 1e-12
    assert any(each.factor and each.factor > 1 for each in found)


def test_a_layer_that_magnifies_a_faults_error_is_named(bench: Bench) -> None:
    net, gate = copy.deepcopy(CASE.net), "Block-1-0/ContextGate/sigmoid"
    with torch.no_grad():
        net.state_dict()["blocks.1.0.path.spatial.norm.running_mean"][0] += 1e-4
    report = compare_layers(replace(bench.spec, port=TvnPort(net, batch=2)))
    found = steepest(report.taps)
    assert [each.tap for each in found] == [gate]
    assert found[0].growth is not None and 4 < found[0].growth < 6


ERRORS = st.sampled_from([0.0, 1e-17, 2e-16, 3e-15, 1e-9, 1e-6, 1e-3, 0.5, np.inf])


def _tap(name: int, accumulated: float, isolated: float) -> TapReport:
    """Judged in float64 alone: float32 is as the original's."""
    like = Difference(1e-7, 1e-8, 1.0)
    verdicts = [Verdict(Difference(e, e, 1.0), like, like) for e in (accumulated, isolated)]
    return TapReport(str(name), (1,), *verdicts)


@given(st.lists(st.tuples(ERRORS, ERRORS), max_size=8))
def test_growth_is_told_of_right_layers_that_an_error_has_reached(
    errors: list[tuple[float, float]],
) -> None:
    taps = [_tap(i, *pair) for i, pair in enumerate(errors)]
    wrong = [i for i, tap in enumerate(taps) if tap.isolated and not tap.isolated.passed]
    failing = [i for i, tap in enumerate(taps) if tap.accumulated and not tap.accumulated.passed]
    for each in steepest(taps):
        place = int(each.tap)
        assert place not in wrong
        before = [errors[i][0] for i in range(place) if not wrong or i in failing]
        assert each.growth == pytest.approx(errors[place][0] / max(before))
        if wrong:
            assert place in failing and any(i in failing for i in range(place))
        else:
            assert place <= failing[0]


class _PaddedInFront(nn.Module):
    """What people write: zeros on both sides, then a convolution that pads nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3, stride=2, bias=False)

    def read(self, x: Tensor) -> Tensor:
        return F.pad(x, (1, 1, 1, 1))


def _view(module: nn.Module, reads: Tensor, expected: Tensor) -> LayerView:
    array = expected.detach().numpy()
    return LayerView("layer", module, (reads,), {}, array, lambda y: y.detach().numpy())


def _image(channels: int = 3) -> Tensor:
    draw = np.random.default_rng(5)
    return torch.from_numpy(draw.normal(size=(2, channels, 14, 11)))


@torch.no_grad()
def test_paddings_of_plain_torch_modules_are_mended() -> None:
    wrong, image = _PaddedInFront().double(), _image()
    right = F.conv2d(pad_same(image, (3, 3), (2, 2)), wrong.conv.weight, stride=2)
    ((cause, _),) = mending(_view(wrong.conv, wrong.read(image), right))
    assert cause.name == "padding in front of it is not SAME"
    own = nn.Conv2d(3, 4, 3, stride=2, padding=1, bias=False).double()
    own.load_state_dict(wrong.conv.state_dict())
    ((cause, plant),) = mending(_view(own, image, right))
    assert cause.name == "padding is not SAME"
    undo = plant(Site(own, "layer", own))
    assert torch.equal(own(image), right)
    undo()
    assert own(image).shape == (2, 4, 7, 6)
    assert not torch.equal(own(image), right)


PLAIN: dict[str, tuple[nn.Module, Callable[[Tensor], Tensor]]] = {
    "ReLU does not compute ReLU6": (nn.ReLU(), F.relu6),
    "Hardsigmoid does not compute hard sigmoid, of a fifth": (
        nn.Hardsigmoid(),
        lambda x: (0.2 * x + 0.5).clamp(0, 1),
    ),
    "flattens channels first where the original flattens them last": (
        nn.Flatten(),
        lambda x: x.permute(0, 2, 3, 1).flatten(1),
    ),
    "epsilon 1e-05 instead of 0.001": (
        nn.BatchNorm2d(3).eval(),
        lambda x: x / (1 + 1e-3) ** 0.5,
    ),
}


@pytest.mark.parametrize("name", PLAIN)
@torch.no_grad()
def test_plain_torch_modules_are_mended(name: str) -> None:
    module, right = PLAIN[name]
    image = 9 * _image()
    found = mending(_view(module.double(), image, right(image)))
    assert [cause.name for cause, _ in found] == [name]


@torch.no_grad()
def test_a_missing_bias_is_told_by_what_it_adds_to_each_channel() -> None:
    wrong, bias = nn.Linear(3, 4, bias=False).double(), torch.tensor([2.0, 0.0, -1.0, 0.5])
    numbers = _image().movedim(1, -1)
    ((cause, plant),) = mending(_view(wrong, numbers, wrong(numbers) + bias))
    assert cause.name == "a bias is missing"
    right = wrong(numbers) + bias
    plant(Site(wrong, "layer", wrong))
    flat = numbers.flatten(0, 2)
    assert torch.allclose(wrong(flat), right.flatten(0, 2), rtol=0, atol=1e-14)
    one_more = right + torch.eye(4)[0] * numbers[..., :1]
    assert mending(_view(nn.Linear(3, 4, bias=False).double(), numbers, one_more)) == []


class _Activated(nn.Conv2d):
    def forward(self, input: Tensor) -> Tensor:
        return super().forward(input).relu()


@torch.no_grad()
def test_a_class_that_does_more_and_a_factor_are_named_not_the_padding() -> None:
    image = _image()
    derived = _Activated(3, 4, 3, padding=1).double()
    ((cause, _),) = mending(_view(derived, image, nn.Conv2d.forward(derived, image)))
    assert cause.name == "computes something besides what Conv2d does"
    plain = nn.Conv2d(3, 4, 3, padding=1).double()
    ((cause, _),) = mending(_view(plain, image, 0.5 * plain(image)))
    assert cause.name == "should be 0.5 times that"
