"""The original as something to run: weights in and out, layers fed apart, what it refuses."""

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from reference_tf import GenotypeError, Original
from tests import recipe
from tests.port.nets import SMALL

CLASSES = 5
VIDEO = recipe.video((2 * 4, 16, 16, 3))
# Cutting a normal at two standard deviations leaves this part of its deviation.
LEFT_BY_CUT = 0.8796256610342398


@pytest.fixture(scope="module")
def original() -> Iterator[Original]:
    """The small net with the recipe's weights."""
    with Original(json.dumps(SMALL), CLASSES, batch=2) as original:
        original.load(recipe.weights(original.variables()))
        yield original


def test_weights_come_back_as_loaded(original: Original) -> None:
    wanted = recipe.weights(original.variables())
    values = original.values()
    assert list(values) == list(wanted)
    for name, value in wanted.items():
        np.testing.assert_array_equal(values[name], value)


def test_a_checkpoint_holds_the_weights_under_their_names(
    original: Original, tmp_path: Path
) -> None:
    prefix = original.save(str(tmp_path / "model.ckpt"), global_step=7)
    assert prefix == str(tmp_path / "model.ckpt-7")
    reader = tf.train.load_checkpoint(prefix)
    shapes = {n: tuple(shape) for n, shape in reader.get_variable_to_shape_map().items()}
    assert shapes == original.variables()
    for name, value in original.values().items():
        np.testing.assert_array_equal(reader.get_tensor(name), value)


def test_only_the_published_precision_writes_checkpoints(tmp_path: Path) -> None:
    with (
        Original(json.dumps(SMALL), CLASSES, batch=1, dtype="float64") as double,
        pytest.raises(ValueError, match="float32"),
    ):
        double.save(str(tmp_path / "model.ckpt"))


def test_loading_lists_every_name_that_does_not_fit(original: Original) -> None:
    values = recipe.weights(original.variables())
    values["stray"] = values.pop("dense/bias")
    with pytest.raises(ValueError, match=r"\['dense/bias', 'stray'\]"):
        original.load(values)


def test_feeding_a_tap_changes_what_is_behind_it_and_nothing_else(original: Original) -> None:
    before = original.capture(VIDEO)
    names = list(before)
    fed = "Block-0-0/STConvs/relu"
    feeds = {"video": VIDEO, fed: 1 + before[fed]}
    after = original.run(feeds, names)
    split = names.index(fed)
    for name in names[: split + 1]:  # the fed tap still gives what its own layer computes
        np.testing.assert_array_equal(after[name], before[name])
    for name in ("Block-0-0/STConvs/conv2d_1", "Block-0-0", "Block-2-1", "dense"):
        assert not np.array_equal(after[name], before[name]), name
    # The skip reads the block's input, past the tap.
    skip = "Block-0-0/Residual/batch_normalization"
    np.testing.assert_array_equal(after[skip], before[skip])


def test_a_layer_runs_from_what_it_reads_alone(original: Original) -> None:
    taps = original.capture(VIDEO)
    for name, value in taps.items():
        reads = original.reads(name)
        feeds = {tap: VIDEO if tap == "video" else taps[tap] for tap in reads}
        assert reads and name not in reads
        np.testing.assert_array_equal(original.run(feeds, [name])[name], value, err_msg=name)
    assert original.reads("Block-0-0/Residual/add") == (
        "Block-0-0/ContextGate/multiply",
        "Block-0-0/Residual/batch_normalization",
    )


def test_fresh_weights_have_the_published_distributions() -> None:
    block = SMALL["blocks"][1]  # depthwise, with everything else beside it
    wide = {**SMALL, "blocks": [{**block, "filters": 256, "expand": 1}]}
    drawn = []
    for seed in (1, 1, 2):
        with Original(json.dumps(wide), 500, batch=1, seed=seed) as original:
            original.initialize()
            drawn.append(original.values())
    values, again, other = drawn
    assert np.array_equal(again["dense/kernel"], values["dense/kernel"])
    assert not np.array_equal(other["dense/kernel"], values["dense/kernel"])
    for name, value in values.items():
        match name.rpartition("/")[2], value.ndim:
            case "kernel" | "depthwise_kernel", 4:
                deviation = math.sqrt(1.3 * 2 / np.prod(value.shape[:3]))
                assert np.abs(value).max() <= 2 * deviation * (1 + 1e-6), name
                assert value.std() == pytest.approx(deviation * LEFT_BY_CUT, rel=0.05), name
            case "kernel", _:
                assert value.std() == pytest.approx(0.01, rel=0.03)
                assert np.abs(value).max() > 0.03  # not cut
            case "gamma" | "moving_variance", _:
                assert (value == 1).all(), name
            case _:
                assert (value == 0).all(), name


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"spatial_type": "conv"}, "block 0: 'spatial_type'"),
        ({"temporal_stride": 0}, "block 0: 'temporal_stride'"),
        ({"expand": -1}, "block 0: 'expand'"),
        ({"kernel": 3}, "block 0: unknown fields.*kernel"),
        ({"inputs": [0]}, "block 0: 'inputs'"),
        ({"spatial_type": "avgpool", "temporal_kernel": 1, "expand": 0}, "Block-0-0: SqueezeExc"),
    ],
)
def test_a_genotype_that_cannot_be_built_is_named(change: dict[str, Any], named: str) -> None:
    broken = {**SMALL, "blocks": [{**SMALL["blocks"][0], **change}]}
    with pytest.raises(GenotypeError, match=named):
        Original(json.dumps(broken), CLASSES, batch=1)


@pytest.mark.parametrize("field", ["filters", "squeeze"])
def test_a_field_that_is_missing_is_named(field: str) -> None:
    block = {name: value for name, value in SMALL["blocks"][0].items() if name != field}
    with pytest.raises(GenotypeError, match=f"block 0: missing fields.*{field}"):
        Original(json.dumps({**SMALL, "blocks": [block]}), CLASSES, batch=1)
