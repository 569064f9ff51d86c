"""Keeping all digits of constants where TensorFlow computes in float64.

Some of its functions round a constant to float32 before they use it, whatever they compute in: a
`tf.cast` of a Python number, the root of two in GELU, the slope of a leaky ReLU. To float64 that is
another function, by 1e-8, and no port has it.
"""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from verify.runners.tensorflow import import_tensorflow


@contextmanager
def whole_constants() -> Iterator[None]:
    """Within, those functions, as Keras calls them, keep their constants whole in float64."""
    tf = import_tensorflow()
    cast, leaky_relu, gelu = tf.cast, tf.nn.leaky_relu, tf.nn.gelu

    def whole_cast(x: Any, dtype: Any, name: str | None = None) -> Any:
        if isinstance(x, float) and tf.as_dtype(dtype) == tf.float64:
            return tf.constant(x, tf.float64)
        return cast(x, dtype, name)

    def whole_leaky_relu(features: Any, alpha: float = 0.2, name: str | None = None) -> Any:
        if features.dtype != tf.float64:
            return leaky_relu(features, alpha, name)
        return tf.where(features > 0, features, alpha * features)

    def whole_gelu(features: Any, approximate: bool = False, name: str | None = None) -> Any:
        if features.dtype != tf.float64:
            return gelu(features, approximate, name)
        if approximate:
            inner = math.sqrt(2 / math.pi) * (features + 0.044715 * features**3)
            return 0.5 * features * (1 + tf.tanh(inner))
        return 0.5 * features * (1 + tf.math.erf(features / math.sqrt(2)))

    tf.cast, tf.nn.leaky_relu, tf.nn.gelu = whole_cast, whole_leaky_relu, whole_gelu
    try:
        yield
    finally:
        tf.cast, tf.nn.leaky_relu, tf.nn.gelu = cast, leaky_relu, gelu


def take_statistics_over(layer: Any) -> None:
    """Let a preprocessing layer use its weights; those that it was given, it rounds to float32."""
    if hasattr(layer, "finalize_state"):
        layer.finalize_state()
    for name in ("mean", "variance"):
        given, held = getattr(layer, f"input_{name}", None), getattr(layer, name, None)
        if given is None or held is None:
            continue
        whole = np.asarray(given, np.float64)
        if whole.size in (1, int(np.prod(held.shape))):
            whole = np.broadcast_to(whole.reshape(held.shape if whole.size > 1 else ()), held.shape)
            setattr(layer, name, import_tensorflow().constant(whole, held.dtype))
