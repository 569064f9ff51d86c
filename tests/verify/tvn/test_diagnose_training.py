"""Training that is wrong is told by the mistake's name; one that is not known is not guessed."""

import copy
from dataclasses import replace

import pytest
from torch import Tensor, nn

import verify
from port import TinyVideoNet
from tests.verify.engine.test_training import CLASSES, KEEP
from tests.verify.nets import EVERY_LAYER
from verify.diagnosis.cause import UNEXPLAINED
from verify.diagnosis.fault import Site, behaves
from verify.diagnosis.training_diagnosis import TrainingDiagnosis
from verify.tvn.cases import random_case
from verify.tvn.diagnose_training import diagnose_training
from verify.tvn.levels import tvn_spec
from verify.tvn.subject import Subject, build_port, seed_variables
from verify.tvn.training_faults import FAULTS, TrainingFault

pytestmark = pytest.mark.usefixtures("one_thread")

# Random nets that have a place for what `EVERY_LAYER` has none for.
ELSEWHERE = {"maxima's gradient to all ties": 4, "stream's gradient not stopped": 2}


@pytest.fixture(scope="module")
def right() -> TinyVideoNet:
    net = build_port(EVERY_LAYER, seed_variables(EVERY_LAYER, CLASSES, 3), False)
    net.head.dropout.p = 1 - KEEP
    return net


def diagnosed(port: TinyVideoNet, right: TinyVideoNet) -> TrainingDiagnosis:
    return diagnose_training(port, right, keep_probability=KEEP)


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_a_planted_mistake_is_named_where_it_is(right: TinyVideoNet, fault: TrainingFault) -> None:
    if fault.name in ELSEWHERE:
        right = random_case(ELSEWHERE[fault.name]).net
        right.head.dropout.p = 1 - KEEP
    path = fault.sites(right)[-1]
    port = copy.deepcopy(right)
    with fault.planted(port, path):
        found = diagnosed(port, right)
    assert [(cause.tap, cause.name) for cause in found.causes] == [(path, fault.name)]
    assert found.confirmed
    assert found.lines[0] == f"{path}: {fault.name} explains 100.0 %"


def test_several_mistakes_are_peeled_off_one_by_one(right: TinyVideoNet) -> None:
    faults = {fault.name: fault for fault in FAULTS}
    planted = {"detached gate": 0, "batch-norm momentum 0.9": -1, "frozen kernel": 2}
    port = copy.deepcopy(right)
    wanted = set()
    for name, place in planted.items():
        path = faults[name].sites(port)[place]
        faults[name].plant(Site(port, path, port.get_submodule(path)))
        wanted.add((path, name))
    found = diagnosed(port, right)
    assert {(cause.tap, cause.name) for cause in found.causes} == wanted
    assert found.confirmed


def test_a_mistake_that_is_not_in_the_catalogue_is_not_guessed(right: TinyVideoNet) -> None:
    port = copy.deepcopy(right)
    behaves(_gradient_halved)(Site(port, "head.dense", port.head.dense))
    found = diagnosed(port, right)
    assert [cause.name for cause in found.causes] == [UNEXPLAINED]
    assert not found.confirmed
    assert found.lines == ["gradient/dense/bias: nothing that is known here explains it"]


def _gradient_halved(module: nn.Module, right: nn.Module, x: Tensor) -> Tensor:
    y: Tensor = right(x)
    return y / 2 + (y / 2).detach()


def test_where_a_step_shows_nothing_nothing_is_said_to_be_confirmed(right: TinyVideoNet) -> None:
    found = diagnosed(copy.deepcopy(right), right)
    assert (list(found.differing), list(found.causes), found.confirmed) == ([], [], False)
    (line,) = found.lines
    assert line.startswith("a step in float64 is that of a port built anew: what fails is the code")


def test_a_verification_that_fails_in_training_says_why() -> None:
    variables = seed_variables(EVERY_LAYER, CLASSES, 3)
    net = build_port(EVERY_LAYER, variables, False)
    norm = "blocks.1.0.residual.norm"
    net.get_submodule(norm).momentum = 0.9
    subject = Subject(EVERY_LAYER, name="wrong", variables=variables, net=net, width=31)
    plan = tvn_spec(subject)
    name = "training: softmax loss"
    judge = plan.judges("training")[name]
    events = list[verify.Event]()
    report = verify.verify(replace(plan, levels={"steps": lambda: {name: judge}}), "steps",
                           watch=events.append)  # fmt: skip
    assert not report.passed and all(tap.passed for tap in report.taps)
    assert report.to_dict()["further"][name]["diagnosis"]["causes"][0]["tap"] == norm
    assert f"{norm}: batch-norm momentum 0.9 explains 100.0 %" in report.to_html()
    kinds = [type(event) for event in events if not isinstance(event, verify.Progress)]
    assert kinds == [verify.Judged, verify.Judged, verify.Explained]
