"""A TensorFlow 1 checkpoint as training leaves it becomes a weights file, whole or not at all."""

from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
import torch

from port import InputError, MisfitError, convert_weights, create_model, load_weights
from port.convert.names import table
from port.genotype import Genotype
from reference_tf import Original
from tests.port.nets import SMALL, small_clips, small_genotype, small_variables

v1 = tf.compat.v1
CLASSES = 5


def save(path: Path, variables: dict[str, np.ndarray]) -> Path:
    """A checkpoint by TensorFlow's Saver, of any variables."""
    with tf.Graph().as_default(), v1.Session() as session:
        saved = {
            name: v1.get_variable(f"v{index}", initializer=tf.constant(value), use_resource=True)
            for index, (name, value) in enumerate(variables.items())
        }
        session.run(v1.global_variables_initializer())
        v1.train.Saver(saved).save(session, str(path), write_meta_graph=False)
    return path


def as_training_leaves_it(variables: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Under a prefix, with a Momentum slot and an average for each weight, and a step."""
    stored = {f"module/{name}": value for name, value in variables.items()}
    for row in table(small_genotype(), CLASSES):
        if row.trainable:
            value = variables[row.tf_name]
            stored[f"module/{row.tf_name}/Momentum"] = np.full_like(value, 7)
            stored[f"module/{row.tf_name}/ExponentialMovingAverage"] = value + 1
    return stored | {"global_step": np.int64(12)}


def test_a_trained_checkpoint_comes_out_as_the_original_computes(tmp_path: Path) -> None:
    variables = small_variables(CLASSES)
    source = save(tmp_path / "model.ckpt-12", as_training_leaves_it(variables))
    conversion = convert_weights(
        source, SMALL, tmp_path / "w.safetensors", class_names=list("abcde")
    )
    assert conversion.num_classes == CLASSES and conversion.selection.prefix == "module/"
    assert set(conversion.selection.set_aside.values()) == {
        "optimizer slot",
        "moving average",
        "step counter",
    }
    net = create_model(SMALL, weights=tmp_path / "w.safetensors").eval()
    assert load_weights(tmp_path / "w.safetensors").about["class_names"] == list("abcde")
    clips = small_clips()
    with Original(small_genotype().to_json(), CLASSES, batch=2) as original:
        original.load(variables)
        video = clips.permute(0, 2, 3, 4, 1).reshape(-1, 16, 16, 3).numpy()
        truth = original.capture(video)["dense"]
    with torch.inference_mode():
        np.testing.assert_allclose(net(clips).numpy(), truth, rtol=1e-4, atol=1e-5)


def test_the_originals_own_checkpoint_arrives_bit_for_bit(tmp_path: Path) -> None:
    with Original(small_genotype().to_json(), CLASSES, batch=1) as original:
        original.initialize()
        values = original.values()
        source = original.save(str(tmp_path / "model.ckpt"), global_step=5)
    convert_weights(source, SMALL, tmp_path / "w")
    state_dict = load_weights(tmp_path / "w").state_dict
    for row in table(small_genotype(), CLASSES):
        found = row.layout.to_tf(state_dict[row.torch_key].numpy())
        np.testing.assert_array_equal(found, values[row.tf_name])


def test_averages_are_taken_when_asked_for(tmp_path: Path) -> None:
    variables = small_variables(CLASSES)
    source = save(tmp_path / "c", as_training_leaves_it(variables))
    convert_weights(source, SMALL, tmp_path / "w", use_ema=True)
    state_dict = load_weights(tmp_path / "w").state_dict
    for row in table(small_genotype(), CLASSES):
        wanted = variables[row.tf_name] + (1 if row.trainable else 0)
        found = row.layout.to_tf(state_dict[row.torch_key].numpy())
        np.testing.assert_array_equal(found, wanted)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_weights_that_are_no_numbers_are_refused(tmp_path: Path, value: float) -> None:
    variables = small_variables(CLASSES)
    variables["Block-1-0/STConvs/depthwise_kernel"][0, 0, 1, 0] = value
    source = save(tmp_path / "c", variables)
    with pytest.raises(InputError, match="c: Block-1-0/STConvs/depthwise_kernel holds NaN or inf"):
        convert_weights(source, SMALL, tmp_path / "w")
    assert not (tmp_path / "w").exists()


def test_another_nets_checkpoint_is_refused_with_the_names(tmp_path: Path) -> None:
    other = Genotype.from_dict({**SMALL, "blocks": SMALL["blocks"][:2]})
    source = save(tmp_path / "c", small_variables(CLASSES))
    with pytest.raises(MisfitError, match=r"c: variables .*; 1 misshapen: dense/kernel") as refusal:
        convert_weights(source, other, tmp_path / "w")
    unexpected = refusal.value.misfits["unexpected"]
    assert f"{len(unexpected)} unexpected: {unexpected[0]}, " in str(refusal.value)
    assert any(name.startswith("Block-2-0/STConvs/Expand/conv2d/kernel") for name in unexpected)
    assert len(str(refusal.value)) < 1000
    wider = Genotype.from_dict(
        {**SMALL, "blocks": [{**SMALL["blocks"][0], "filters": 5}, *SMALL["blocks"][1:]]}
    )
    with pytest.raises(MisfitError) as refusal:
        convert_weights(source, wider, tmp_path / "w")
    kernel = "Block-0-0/Expand/conv2d/kernel (wanted [1, 1, 5, 10], found [1, 1, 4, 8])"
    assert kernel in refusal.value.misfits["misshapen"]
    assert not (tmp_path / "w").exists()


def test_what_is_no_float_is_refused(tmp_path: Path) -> None:
    variables = small_variables(CLASSES)
    variables["dense/bias"] = np.zeros(CLASSES, np.int32)
    with pytest.raises(InputError, match="dense/bias is of type int32"):
        convert_weights(save(tmp_path / "c", variables), SMALL, tmp_path / "w")


def test_class_names_and_output_are_checked(tmp_path: Path) -> None:
    source = save(tmp_path / "c", small_variables(CLASSES))
    with pytest.raises(InputError, match="3 class names for 5 classes"):
        convert_weights(source, SMALL, tmp_path / "w", class_names=["a", "b", "c"])
    with pytest.raises(InputError, match="absent/w: cannot write there"):
        convert_weights(source, SMALL, tmp_path / "absent" / "w")
