"""Layers that TensorFlow computes in float32 alone, inside a model in float64.

Local response normalisation has no other kernel, and a layer of somebody's may make constants in
float32. Where such a layer refuses float64 it is given float32, and what it computes goes on in
float64. That is no truth to the last digit: by how much it may be off is learnt by moving it.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np

from verify.runners.tensorflow import import_tensorflow

ALONE = "computes in float32 alone"
SINGLE = f"{ALONE}, also in float64: it is judged by the second verdict, that of precision, alone"
_NAME = "_single_precision"


class SinglePrecision:
    """What is known of a model's layers: the paths of those that need float32.

    `seed`: what they compute is moved by a rounding of float32, each seed in another way.
    """

    def __init__(self) -> None:
        self.paths = dict[str, None]()
        self.seed: int | None = None
        self._on = False

    @contextmanager
    def granted(self, on: bool) -> Iterator[None]:
        """Within, layers that refuse float64 get float32, if that is `on` or was found before."""
        before, self._on = self._on, on
        try:
            yield
        finally:
            self._on = before

    def let(self, layers: Mapping[str, Any]) -> None:
        """Prepare `layers` by path, of which those with weights stay as they are."""
        for path, layer in layers.items():
            if not getattr(layer, "weights", ()):
                object.__setattr__(layer, "call", self._forgiving(path, layer.call))

    def _forgiving(self, path: str, call: Callable[..., Any]) -> Callable[..., Any]:
        tf = import_tensorflow()
        cast = tf.cast  # not what may take its place while the model runs

        def to(dtype: Any, value: Any) -> Any:
            other = {tf.float32: tf.float64, tf.float64: tf.float32}[dtype]
            is_such = tf.is_tensor(value) and value.dtype == other
            return cast(value, dtype) if is_such else value

        def forgiving(*args: Any, **kwargs: Any) -> Any:
            try:
                return call(*args, **kwargs)
            except Exception as error:
                if not self._on:
                    raise
                try:
                    args, kwargs = tf.nest.map_structure(
                        lambda value: to(tf.float32, value), (args, kwargs)
                    )
                    single = call(*args, **kwargs)
                except Exception:
                    raise error from None
            self.paths[path] = None
            return tf.nest.map_structure(lambda x: self._moved(to(tf.float64, x)), single)

        return forgiving

    def _moved(self, value: Any) -> Any:
        if self.seed is None or not hasattr(value, "numpy"):
            return value
        array = value.numpy().astype(np.float32)
        draw = np.random.default_rng(self.seed)
        ends = draw.choice(np.array([-np.inf, np.inf], np.float32), array.shape)
        return import_tensorflow().constant(np.nextafter(array, ends), value.dtype)


def let_single(model: Any, layers: Mapping[str, Any]) -> SinglePrecision:
    """Prepare a model in float64, once; `layers` by path."""
    single = getattr(model, _NAME, None)
    if single is None:
        single = SinglePrecision()
        object.__setattr__(model, _NAME, single)
        single.let(layers)
    return single


def single_precision_of(model: Any) -> SinglePrecision:
    """Of a model; of one that was not prepared, nothing is known and nothing granted."""
    return getattr(model, _NAME, None) or SinglePrecision()
