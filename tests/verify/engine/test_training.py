"""Training of a faithful port passes; every planted mistake fails, at the value it is made in."""

import copy
import dataclasses
from functools import partial

import numpy as np
import pytest
import torch

from port import TinyVideoNet
from port.convert.names import table
from port.convert.state_dict import state_dict_from_tf
from port.convert.weights import Weights
from port.errors import InputError
from tests import recipe
from tests.verify.nets import EVERY_LAYER
from verify.engine.apart import TrainerApart
from verify.engine.memo import RememberingTrainer
from verify.engine.training import compare_training
from verify.specs.spec import Arrays
from verify.specs.training_spec import TrainingBatch, TrainingSpec
from verify.tvn.cases import random_case
from verify.tvn.port_training import TorchTrainer
from verify.tvn.subject import Subject
from verify.tvn.training_faults import FAULTS, TrainingFault
from verify.tvn.training_spec import tvn_training_spec

pytestmark = pytest.mark.usefixtures("one_thread")

CLASSES = 7
# Far from a half, at which it cannot be told from the probability to drop.
KEEP = 0.8
# Where each fault must show first, by the site it is planted in. A fault in a batch norm shows in
# one of its own variables.
SHOWS = {
    "batch-norm momentum 0.9": "{}/moving_mean",
    "biased moving variance": "{}/moving_variance",
    "statistics updated twice": "{}/moving_mean",
    "frozen gamma": "gradient/{}/gamma",
}
# Those whose first trace is told by hand here; `verify.measure.training_mutants` computes it of
# all.
FOLLOWED = (
    "keep probability for drop probability",
    "averages' gradient into padding",
    "detached gate",
)
NORMS = ("blocks.1.0.path.inverted_expand.norm", "blocks.1.0.residual.norm")
SHOWS_AT = {
    "head.dropout": "logits",
    "blocks.2.0.path.spatial": "gradient/Block-1-0/Residual/batch_normalization/beta",
    "blocks.0.0.path.squeeze_excite.scale": "gradient/Block-0-0/SqueezeExcite/conv2d_1/bias",
    "blocks.1.0.path.context_gate.scale": "gradient/Block-1-0/ContextGate/conv2d/bias",
}


@pytest.fixture(scope="module")
def net() -> TinyVideoNet:
    shapes = {row.tf_name: row.tf_shape for row in table(EVERY_LAYER, CLASSES)}
    state = state_dict_from_tf(recipe.weights(shapes), EVERY_LAYER)
    return Weights(EVERY_LAYER, state).build(drop_rate=1 - KEEP)


@pytest.fixture(scope="module")
def spec(net: TinyVideoNet) -> TrainingSpec:
    return recorded(make_spec(net))


def make_spec(net: TinyVideoNet, loss: str = "softmax", isolated: bool = False) -> TrainingSpec:
    shapes = {row.tf_name: row.tf_shape for row in table(EVERY_LAYER, CLASSES)}
    return tvn_training_spec(
        Subject(
            EVERY_LAYER,
            variables=recipe.weights(shapes),
            net=net,
            loss=loss,
            keep_probability=KEEP,
            height=22,
            width=27,
        ),
        batches=2,
        apart=isolated,
    )


def recorded(spec: TrainingSpec) -> TrainingSpec:
    runners = {p: RememberingTrainer(spec.original(p)) for p in ("float64", "float32")}
    return dataclasses.replace(spec, original=runners.__getitem__)


def with_net(spec: TrainingSpec, net: TinyVideoNet) -> TrainingSpec:
    return dataclasses.replace(spec, port=lambda precision: TorchTrainer(net, precision))


def test_a_faithful_port_passes_with_both_losses(net: TinyVideoNet, spec: TrainingSpec) -> None:
    told: list[tuple[int, int, str]] = []
    for faithful in (spec, make_spec(net, "sigmoid", isolated=True)):
        report = compare_training(faithful, watch=lambda *news: told.append(news))
        assert report.passed, report.first_failure
        data = report.to_dict()
        assert (data["passed"], data["first_failure"]) == (True, None)
        assert [row["name"] for row in data["values"]] == list(faithful.values)
        assert max(value.float64_error for value in report.values) < 1e-11
    assert [(done, total) for done, total, _ in told] == 2 * [(done, 8) for done in range(8)]


@pytest.mark.parametrize(
    ("fault", "site"),
    [
        pytest.param(fault, site, id=f"{fault.name}, {site}")
        for fault in FAULTS
        if fault.name in {*SHOWS, *FOLLOWED}
        for site in fault.sites(TinyVideoNet(EVERY_LAYER, CLASSES))
        # Two of the many batch norms are enough.
        if "norm" not in site or site in NORMS
    ],
)
def test_a_fault_shows_where_it_is_made(
    net: TinyVideoNet, spec: TrainingSpec, fault: TrainingFault, site: str
) -> None:
    wrong = copy.deepcopy(net)
    tap = getattr(wrong.get_submodule(site), "tap_name", "")
    expected = SHOWS[fault.name].format(tap) if fault.name in SHOWS else SHOWS_AT[site]
    clip = torch.ones(1, 3, 4, 24, 24)
    with fault.planted(wrong, site):
        report = compare_training(with_net(spec, wrong))
        inference = wrong.eval()(clip)
    assert (report.passed, report.first_failure) == (False, expected)
    missing = [value.name for value in report.values if not value.steps]
    assert missing == ([expected] if fault.name.startswith("frozen") else [])
    assert torch.equal(inference, net.eval()(clip)), "inference shows it too"
    mended, right = (TorchTrainer(n, "float32").run(spec.batches[1]) for n in (wrong, net))
    assert all(np.array_equal(mended[name], right[name]) for name in spec.values)


def test_less_precise_float32_fails_where_it_starts(net: TinyVideoNet, spec: TrainingSpec) -> None:
    """As TF32 or bfloat16 would be: the weights of one layer lose half their bits, in float32."""
    name = "blocks.1.0.path.inverted_expand.conv.weight"

    def round_off(precision: str) -> TorchTrainer:
        trainer = TorchTrainer(net, precision)
        if precision == "float32":
            weight = trainer.net.get_parameter(name)
            weight.data = weight.data.bfloat16().float()
        return trainer

    report = compare_training(dataclasses.replace(spec, port=round_off))
    first = next(value for value in report.values if not value.passed)
    assert first.reason == "less precise"
    assert first.name.startswith("Block-1-0/STConvs/")


def test_a_gradient_that_is_no_number_fails(net: TinyVideoNet, spec: TrainingSpec) -> None:
    report = compare_training(
        dataclasses.replace(spec, port=lambda precision: _Broken(net, precision))
    )
    assert report.first_failure == "gradient/dense/bias"
    assert [value.name for value in report.values if not value.passed] == ["gradient/dense/bias"]


class _Broken(TorchTrainer):
    """Computes one gradient that is not a number."""

    def run(self, batch: TrainingBatch) -> Arrays:
        values = super().run(batch)
        values["gradient/dense/bias"] = values["gradient/dense/bias"] * np.nan
        return values


def test_a_side_apart_computes_what_it_computes_here(net: TinyVideoNet, spec: TrainingSpec) -> None:
    apart = TrainerApart(partial(TorchTrainer, net, "float64"))
    there = [apart.run(batch) for batch in spec.batches]
    apart.close()
    for batch, values in zip(spec.batches, there, strict=True):
        here = TorchTrainer(net, "float64").run(batch)
        assert here.keys() == values.keys()
        for name, value in here.items():
            # Not to the bit: threads are not as many there, and some gradients all but cancel.
            np.testing.assert_allclose(values[name], value, rtol=1e-9, atol=1e-9, err_msg=name)


def test_a_net_whose_logits_are_not_one_row_a_clip_is_refused() -> None:
    """The original counts frames in order of definition, whatever a block reads."""
    with pytest.raises(InputError, match="2 clips give 6 rows"):
        tvn_training_spec(Subject(random_case(5).genotype, max_pool_predictions=True))
