"""One training step of both sides is the published code's, for every published net, in float64.

Loss, gradients and moving statistics, batch 2, dropout off. The published figures hold the
gradients of depthwise kernels and the moving statistics rounded to float32.
"""

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

from port import Genotype
from tests import recipe
from tests.parity.sides import build_port
from verify.specs.spec import Arrays
from verify.specs.training_spec import LOGITS, LOSS, TrainingBatch, gradient_of
from verify.tvn.original_training import TensorFlowTrainer
from verify.tvn.port_training import TorchTrainer

GOLDEN = Path(__file__).parents[1] / "golden"
CLASSES = 50
# Relative to the loss, and to a gradient's or statistic's largest magnitude.
LOSS_BOUND = 2e-11
GRADIENT_BOUND = 1e-9
ROUNDED_GRADIENT_BOUND = 1e-6
# The statistics were published in float32 and from float32's forward pass.
STATISTIC_BOUND = 5e-3

SLOW = pytest.mark.slow
NETS = ["tvn1", "tvn_mobile_1"] + [
    pytest.param(net, marks=SLOW) for net in ("tvn2", "tvn3", "tvn4", "tvn_mobile_2")
]


@pytest.mark.parametrize("net", NETS)
@pytest.mark.parametrize("side", ["reference_tf", "port"])
def test_one_step_is_the_published_one(net: str, side: str) -> None:
    with np.load(GOLDEN / f"{net}.npz") as file:
        golden = dict(file)
    meta = json.loads(str(golden["meta"]))
    genotype, variables = Genotype.load(net), recipe.weights(dict(meta["variables"]))
    shape = meta["input_shape"]
    clips = recipe.video(shape).reshape(2, -1, *shape[-3:])
    step = run(side, genotype, variables, TrainingBatch(clips, golden["train/labels"]))

    assert abs(step[LOSS] / golden["train/loss"] - 1) <= LOSS_BOUND
    assert_near(step[LOGITS], golden["train/logits"], np.abs(golden["train/logits"]).max(), 1e-10)
    for name in meta["trainable"]:
        rounded = name.endswith("depthwise_kernel")
        bound = ROUNDED_GRADIENT_BOUND if rounded else GRADIENT_BOUND
        gradient = step[gradient_of(name)]
        figures = {
            key: golden[f"train/grad/{name}/{key}"] for key in "index value max norm".split()
        }
        assert_near(gradient.ravel()[figures["index"]], figures["value"], figures["max"], bound)
        assert_near(np.abs(gradient).max(), figures["max"], figures["max"], bound)
        assert_near(np.linalg.norm(gradient), figures["norm"], figures["norm"], bound)
    for name in variables.keys() - set(meta["trainable"]):
        figures = {key: golden[f"train/moving/{name}/{key}"] for key in "index value max".split()}
        value = step[name].ravel()[figures["index"]]
        assert_near(value, figures["value"], figures["max"], STATISTIC_BOUND)


def run(
    side: str, genotype: Genotype, variables: Mapping[str, np.ndarray], batch: TrainingBatch
) -> Arrays:
    if side == "port":
        return TorchTrainer(build_port(genotype, variables, "float64"), "float64").run(batch)
    text = genotype.to_json()
    runner = TensorFlowTrainer(variables, "float64", genotype=text, num_classes=CLASSES, batch=2)
    try:
        return runner.run(batch)
    finally:
        runner.close()


def assert_near(found: np.ndarray, truth: np.ndarray, largest: float, bound: float) -> None:
    assert np.abs(found - truth).max() <= bound * largest
