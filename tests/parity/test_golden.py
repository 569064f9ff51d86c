"""Both sides compute what the published code computes, for every published net.

In float64 to rounding, which proves the same function; in float32 within a small factor of what
the published code's own float32 is off, which proves the same precision.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import port
from port import Genotype
from port.convert import names
from reference_tf import Original
from tests import recipe
from tests.parity.sides import as_original_takes, build_port, capture_port

FOLDER = Path(__file__).parents[1] / "golden"
CLASSES = 50
# Of a tap's largest magnitude. Both sides were measured at 1e-15 to 8e-15.
SAME_FUNCTION = 1e-12
# Times the published code's own float32 error. Both sides were measured at 0.4 to 1.2.
SAME_PRECISION = 4


@dataclass(frozen=True)
class Figure:
    """A tap as published: 256 of its values, or all of the logits."""

    shape: tuple[int, ...]
    index: np.ndarray
    value: np.ndarray
    stats: np.ndarray  # of the whole tap: mean, standard deviation, largest magnitude
    float32_error: tuple[float, float]  # maximum, root mean square

    def check(self, found: np.ndarray, dtype: str, label: str) -> None:
        """Hold `found` to this figure, as close as `dtype` allows."""
        assert found.shape == self.shape, label
        off = np.abs(found.reshape(-1)[self.index].astype(np.float64) - self.value)
        errors = off.max(), np.sqrt(np.mean(off**2))
        if dtype == "float32":
            bound = SAME_PRECISION * self.float32_error[0], SAME_PRECISION * self.float32_error[1]
        else:
            bound = (SAME_FUNCTION * self.stats[2],) * 2
            np.testing.assert_allclose(statistics(found), self.stats, rtol=0, atol=bound[0])
        assert errors[0] <= bound[0] and errors[1] <= bound[1], f"{label}: {errors}, not {bound}"


def statistics(tap: np.ndarray) -> np.ndarray:
    return np.array([tap.mean(), tap.std(), np.abs(tap).max()])


class Golden:
    """The published figures of one net, by tap; the logits are the tap `dense`."""

    def __init__(self, name: str) -> None:
        with np.load(FOLDER / f"{name}.npz") as file:
            self.arrays = dict(file)
        self.meta: dict[str, Any] = json.loads(str(self.arrays["meta"]))
        self.genotype = Genotype.load(name)
        self.shapes = {variable: tuple(shape) for variable, shape in self.meta["variables"]}
        input_shape = self.meta["input_shape"]
        self.clips = recipe.video(input_shape).reshape(2, -1, *input_shape[-3:])
        self.figures = {tap: self._block(tap) for tap in self.meta["tap_order"]}
        self.last = self.meta["tap_order"][-1]
        self.figures["dense"] = self._logits("logits", self.arrays["logits/float32"])

    def _block(self, tap: str) -> Figure:
        shape, index, value, stats, error = (
            self.arrays[f"tap/{tap}/{key}"]
            for key in ("shape", "index", "value", "stats", "float32_error")
        )
        return Figure(tuple(shape), index, value, stats, tuple(error))

    def _logits(self, key: str, float32: np.ndarray) -> Figure:
        value = self.arrays[key]
        error = np.abs(float32 - value)
        yardstick = error.max(), np.sqrt(np.mean(error**2))
        index = np.arange(value.size)
        return Figure(value.shape, index, value.reshape(-1), statistics(value), yardstick)

    def max_pool_logits(self) -> Figure:
        """Of the other head; its float32 was not published."""
        key = "logits_max_pool"
        return self._logits(key, self.arrays[key])

    def original(self, dtype: str, **options: Any) -> Original:
        return Original(self.genotype.to_json(), CLASSES, batch=2, dtype=dtype, **options)


@pytest.mark.parametrize("name", port.list_models())
def test_variables_are_the_published_ones(name: str) -> None:
    golden = Golden(name)
    rows = names.table(golden.genotype, CLASSES)
    assert [(row.tf_name, row.tf_shape) for row in rows] == list(golden.shapes.items())
    assert [row.tf_name for row in rows if row.trainable] == golden.meta["trainable"]
    with golden.original("float32") as original:
        assert list(original.variables().items()) == list(golden.shapes.items())
        assert original.trainable() == golden.meta["trainable"]


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("name", port.list_models())
def test_blocks_and_logits_are_the_published_ones(name: str, dtype: str) -> None:
    golden = Golden(name)
    variables = recipe.weights(golden.shapes)
    with golden.original(dtype) as original:
        original.load(variables)
        feeds = {"video": as_original_takes(golden.genotype, golden.clips)}
        found = {"reference_tf": original.run(feeds, golden.figures)}
    net = build_port(golden.genotype, variables, dtype)
    found["port"] = capture_port(net, golden.clips, golden.figures)
    for side, taps in found.items():
        for tap, figure in golden.figures.items():
            figure.check(taps[tap], dtype, f"{side}: {tap}")
    if dtype == "float64":
        check_max_pool_head(golden, variables, found["reference_tf"][golden.last])


def check_max_pool_head(
    golden: Golden, variables: dict[str, np.ndarray], features: np.ndarray
) -> None:
    """The other published head, from the last block's output on, where the two heads part."""
    figure = golden.max_pool_logits()
    with golden.original("float64", max_pool_predictions=True) as original:
        original.load(variables)
        logits = original.run({golden.last: features}, ["logits"])["logits"]
    figure.check(logits, "float64", "reference_tf: max pooling head")
    net = build_port(golden.genotype, variables, "float64", max_pool=True)
    with torch.inference_mode():
        frames = torch.from_numpy(features).permute(0, 3, 1, 2)
        logits = net.forward_head(net.as_clips(frames)).numpy()
    figure.check(logits, "float64", "port: max pooling head")
