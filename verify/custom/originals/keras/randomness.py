"""A Keras model's dropout and noise, off while it trains, and written down."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any

import numpy as np

from verify.custom.originals.drawn import Drawn
from verify.custom.originals.keras.recurrent import is_loop
from verify.runners.tensorflow import import_tensorflow

# Attributes of layers that drop whole examples of a batch.
OF_EXAMPLES = ("drop_path_rate", "drop_prob", "drop_rate", "stochastic_depth_rate")
# The attributes of cells; their rates are not compared.
OF_CELLS = ("dropout", "recurrent_dropout")


@contextmanager
def quiet(layers: Mapping[str, Any]) -> Iterator[Drawn]:
    """Within, dropout changes nothing and normal distributions give their mean.

    Keras' layers and its functions are meant, and `tf.nn.dropout`; what else draws stays random.
    """
    import keras.src.backend

    tf, random, drawn = import_tensorflow(), keras.src.backend.random, Drawn()

    def dropout(inputs: Any, rate: float, noise_shape: Any = None, seed: Any = None) -> Any:
        drawn.add(rate, _count(inputs.shape, noise_shape))
        return inputs

    def tf_dropout(x: Any, rate: float, noise_shape: Any = None, **_: Any) -> Any:
        return dropout(x, rate, noise_shape)

    def normal(
        shape: Any, mean: float = 0.0, stddev: float = 1.0, dtype: Any = None, seed: Any = None
    ) -> Any:
        drawn.noise = drawn.noise or stddev > 0
        return tf.fill(shape, tf.cast(mean, dtype or keras.config.floatx()))

    with ExitStack() as stack:
        _replace(stack, random, "dropout", dropout)
        _replace(stack, random, "normal", normal)
        _replace(stack, tf.nn, "dropout", tf_dropout)
        for layer in layers.values():
            _silence(stack, layer, drawn)
        yield drawn


def _silence(stack: ExitStack, layer: Any, drawn: Drawn) -> None:
    """A layer whose rate is an attribute, and which draws in a way of its own."""
    for part in layer._flatten_layers() if is_loop(layer) else ():
        for name in vars(part).keys() & set(OF_CELLS):
            _replace(stack, part, name, 0.0)
    alpha = type(layer).__name__ == "AlphaDropout"
    names = ("rate",) if alpha else OF_EXAMPLES
    for name in names:
        rate = vars(layer).get(name)
        if isinstance(rate, float) and rate > 0:
            shape = getattr(layer, "noise_shape", None) if alpha else ()
            call = _recording(layer.call, rate, shape, alpha, drawn)
            _replace(stack, layer, name, 0.0)
            _replace(stack, layer, "call", call)


def _recording(
    call: Callable[..., Any], rate: float, noise_shape: Any, alpha: bool, drawn: Drawn
) -> Callable[..., Any]:
    def recorded(inputs: Any, *args: Any, **kwargs: Any) -> Any:
        count = inputs.shape[0] if noise_shape == () else _count(inputs.shape, noise_shape)
        drawn.add(rate, count, alpha)
        return call(inputs, *args, **kwargs)

    return recorded


def _count(shape: Any, noise_shape: Any) -> int:
    """How many numbers are drawn for an input of this shape."""
    sizes = [size if size is not None else whole
             for size, whole in zip(noise_shape or shape, shape, strict=True)]  # fmt: skip
    return int(np.prod([int(size) for size in sizes]))


def _replace(stack: ExitStack, holder: Any, name: str, value: Any) -> None:
    """Past Keras' own __setattr__, and back at the end."""
    own, before = name in vars(holder), getattr(holder, name)
    put, remove = (setattr, delattr)
    if hasattr(holder, "_flatten_layers"):
        put, remove = object.__setattr__, object.__delattr__
    put(holder, name, value)
    stack.callback(*((put, holder, name, before) if own else (remove, holder, name)))
