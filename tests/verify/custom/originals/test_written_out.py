"""What TensorFlow has no float64 of is written out: held against TensorFlow's own kernels."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from port.errors import InputError
from verify.custom import probe_input, tf_function
from verify.custom.originals.graph.model import GraphModel

IMAGE, VIDEO = (2, 7, 6, 3), (2, 5, 7, 6, 3)
VECTORS = [probe_input((3,), seed) for seed in range(4)]


def norm(training: bool, factor: float = 1.0) -> Callable[[Any], Any]:
    def function(x: Any) -> Any:
        scale, offset, mean, variance = map(tf.constant, VECTORS)
        y, *statistics = tf.compat.v1.nn.fused_batch_norm(
            x, scale, offset, mean, variance, 1e-3, "NHWC", training, exponential_avg_factor=factor
        )
        return {"y": y, "mean": statistics[0], "variance": statistics[1]} if training else y

    return function


def resize(size: tuple[int, int], **flags: bool) -> Callable[[Any], Any]:
    return lambda x: tf.raw_ops.ResizeBilinear(images=x, size=size, **flags)


def in_loop(function: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def step(i: Any, x: Any) -> tuple[Any, Any]:
        y = function(x)
        y.set_shape(x.shape)
        return i + 1, y

    return lambda x: tf.while_loop(lambda i, _: i < 2, step, [0, x])[1]


CASES: dict[str, tuple[Callable[[Any], Any], tuple[int, ...]]] = {
    "norm": (norm(False), IMAGE),
    "norm in training": (norm(True), IMAGE),
    "norm that remembers": (norm(True, 0.1), IMAGE),
    "norm in a loop": (in_loop(norm(False)), IMAGE),
    "leaky ReLU": (lambda x: tf.nn.leaky_relu(x - 0.5, 1.3), IMAGE),
    "leaky ReLU in a loop": (in_loop(lambda x: tf.nn.leaky_relu(x - 0.5, 0.3)), IMAGE),
    "larger": (resize((11, 15), half_pixel_centers=True), IMAGE),
    "smaller": (resize((3, 4), half_pixel_centers=True), IMAGE),
    "corners": (resize((13, 1), align_corners=True), IMAGE),
    "neither": (resize((9, 4)), IMAGE),
    "max pool": (lambda x: tf.nn.max_pool3d(x - 0.5, 3, 2, "SAME"), VIDEO),
    "average pool": (lambda x: tf.nn.avg_pool3d(x, (2, 3, 1), (1, 2, 1), "SAME"), VIDEO),
    "valid pool": (lambda x: tf.nn.avg_pool3d(x, 2, 2, "VALID"), VIDEO),
}


def original(function: Callable[[Any], Any], shape: tuple[int, ...]) -> GraphModel:
    signature = [tf.TensorSpec((None, *shape[1:]), tf.float32, name="x")]
    return tf_function(tf.function(function, input_signature=signature, autograph=False))


@pytest.mark.parametrize("case", CASES)
def test_float64_is_float32_but_for_rounding(case: str) -> None:
    function, shape = CASES[case]
    graph, inputs = original(function, shape), {"x": probe_input(shape)}
    singles, doubles = (
        runner.fetch(inputs, runner.all_numbers())
        for runner in (graph.runner(precision, ("x",)) for precision in ("float32", "float64"))
    )
    assert singles.keys() == doubles.keys()
    for name, single in singles.items():
        assert doubles[name].dtype == (np.float64 if single.dtype.kind == "f" else single.dtype)
        np.testing.assert_allclose(doubles[name], single, rtol=1e-5, atol=2e-6, err_msg=name)


def test_what_is_not_known_is_refused() -> None:
    graph = original(lambda x: tf.nn.lrn(x), IMAGE)
    with pytest.raises(InputError, match="LRN computes in float32 alone"):
        graph.calls({"x": probe_input(IMAGE)})
