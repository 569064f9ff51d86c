"""The original in training: its gradients are derivatives, its statistics those of the fused op."""

from dataclasses import replace

import numpy as np
import pytest
import tensorflow as tf

from port import Genotype
from reference_tf import Original
from reference_tf.average_pool import average_pool
from reference_tf.batch_norm import normalize_batch
from reference_tf.training import Batch, Training
from tests import recipe
from tests.verify.nets import EVERY_LAYER

CLASSES = 5
DRAW = np.random.default_rng(0)
KEPT = DRAW.random((2, 16)) < 0.7
LABELS = {"softmax": np.array([3, 1]), "sigmoid": DRAW.integers(2, size=(2, CLASSES))}


def build(genotype: Genotype = EVERY_LAYER) -> Original:
    original = Original(
        genotype.to_json(), CLASSES, batch=2, height=14, width=11, dtype="float64", training=True
    )
    original.load(recipe.weights(original.variables()))
    return original


def video(original: Original) -> np.ndarray:
    return recipe.video(tuple(original.video.shape)).astype(np.float64)


@pytest.mark.parametrize(("loss", "kept"), [("softmax", None), ("sigmoid", KEPT)])
def test_gradients_are_derivatives_of_the_loss(loss: str, kept: np.ndarray | None) -> None:
    """Along one random direction through all weights and the video at once."""
    with build() as original:
        training = Training(original, loss)
        batch = Batch(video(original), LABELS[loss], kept, 0.7)
        step, values = training.capture(batch), original.values()
        direction = {name: np.random.normal(size=value.shape) for name, value in values.items()}
        into_video = np.random.normal(size=batch.video.shape)

        def loss_at(way: float) -> float:
            original.load({name: v + way * direction[name] for name, v in values.items()})
            return float(
                training.capture(replace(batch, video=batch.video + way * into_video)).loss
            )

        slopes = [(loss_at(h) - loss_at(-h)) / (2 * h) for h in (1e-6, 1e-7)]
    slope = float(np.sum(step.video_gradient * into_video))
    slope += sum(float(np.sum(g * direction[name])) for name, g in step.gradients.items())
    assert min(abs(found - slope) for found in slopes) <= 1e-5 * abs(slope)


def test_capturing_updates_nothing_and_a_step_moves_the_statistics() -> None:
    with build() as original:
        training, before = Training(original), original.values()
        batch = Batch(video(original), LABELS["softmax"])
        captured = training.capture(batch)
        assert all(np.array_equal(value, before[n]) for n, value in original.values().items())
        assert training.step(batch) == captured.loss
        after = original.values()
        for name, value in before.items():
            np.testing.assert_array_equal(after[name], captured.moving.get(name, value), name)


def test_no_gradient_reaches_the_video_through_a_stream() -> None:
    blocks = (replace(EVERY_LAYER.blocks[0], inputs=(0,)),)
    streamed = Genotype.from_dict(
        {
            "input_streams": [{"num_frames": 4, "frame_stride": 1, "image_size": 12}],
            "blocks": [replace(EVERY_LAYER, blocks=blocks).to_dict()["blocks"][0]],
        }
    )
    for genotype, reaches in ((EVERY_LAYER, True), (streamed, False)):
        with build(genotype) as original:
            step = Training(original).capture(Batch(video(original), LABELS["softmax"]))
            assert bool(step.video_gradient.any()) == reaches


def test_inference_has_nothing_to_train() -> None:
    with (
        Original(EVERY_LAYER.to_json(), CLASSES, batch=2, height=14, width=11) as original,
        pytest.raises(ValueError, match="training=True"),
    ):
        Training(original)


@pytest.mark.parametrize("shape", [(3, 4, 5, 2), (2, 1, 1, 2), (1, 1, 1, 2)])
def test_batch_norm_written_out_is_the_fused_one(shape: tuple[int, ...]) -> None:
    """Down to two elements, and one, which has no unbiased variance."""
    x, gamma, beta = (
        np.random.normal(2, 3, shape),
        np.random.normal(size=2),
        np.random.normal(size=2),
    )
    written = normalize_batch(*(tf.constant(v, tf.float64) for v in (x, gamma, beta)))
    fused = normalize_batch(*(tf.constant(v, tf.float32) for v in (x, gamma, beta)))
    for found, truth in zip(fused, written, strict=True):
        np.testing.assert_allclose(found, truth, atol=2e-5)


@pytest.mark.parametrize(
    ("size", "kernel", "stride"), [(5, 6, 2), (4, 5, 1), (2, 7, 1), (9, 3, 2), (7, 4, 3)]
)
def test_average_pooling_written_out_has_its_own_gradient(
    size: int, kernel: int, stride: int
) -> None:
    x = tf.Variable(np.random.normal(size=(2, size, size + 1, 3)))
    windows = {"kernel": (kernel, 3), "stride": (stride, 1)}
    with tf.GradientTape() as tape:
        y = average_pool(x, **windows)
        weights = np.random.normal(size=y.shape)
        loss = tf.reduce_sum(y * weights)
    kernels = tf.nn.avg_pool2d(x, (kernel, 3), (stride, 1), "SAME")
    np.testing.assert_allclose(y, kernels, rtol=1e-12, atol=1e-14)
    # It is linear: its gradient is what each element alone would give.
    unit = np.zeros(x.shape)
    unit[1, size - 1, 2, 1] = 1
    alone = np.sum(average_pool(tf.constant(unit), **windows) * weights)
    np.testing.assert_allclose(tape.gradient(loss, x)[1, size - 1, 2, 1], alone, rtol=1e-12)
