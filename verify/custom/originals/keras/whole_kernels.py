"""Computing in float64 what TensorFlow has no float64 kernel for: 3D pools, resizing.

An equivalent takes the kernel's place, and is held against it: on the same numbers in float32 both
must agree up to rounding. A cast to float32 inside float64 is left out.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from port.errors import InputError
from verify.custom.originals.keras import whole_pools, whole_resizing
from verify.runners.tensorflow import import_tensorflow
from verify.runners.whole_precision import CAST

# Of the largest number, for each place along the longest axis: more than float32 rounds there.
ROUNDING = 4e-7
EQUIVALENT = "the truth is an equivalent in float64, held against its float32 kernel"
Note = Callable[[str], None]


@contextmanager
def whole_kernels(note: Note = lambda _: None) -> Iterator[None]:
    """Within, TensorFlow's functions, as Keras calls them, compute in float64 what is float64.

    Args:
        note: is told what was replaced, in a sentence for the report.
    """
    tf = import_tensorflow()
    cast, bitcast, resize = tf.cast, tf.bitcast, tf.image.resize
    pools = tf.nn.max_pool, tf.nn.avg_pool, tf.nn.pool

    def held(what: str, ours: Any, kernel: Callable[..., Any], x: Any, *args: Any) -> Any:
        if tf.executing_eagerly():
            theirs = kernel(cast(x, tf.float32), *args).numpy()
            bound = ROUNDING * max(16, *x.shape) * np.abs(theirs).max(initial=0.0)
            if np.abs(theirs - ours.numpy()).max(initial=0.0) > bound:
                raise InputError(f"{what}: TensorFlow's kernel computes something else in float32")
        note(f"{what} have no float64 in TensorFlow; {EQUIVALENT}")
        return ours

    def whole_cast(x: Any, dtype: Any, name: Any = None) -> Any:
        if getattr(x, "dtype", None) == tf.float64 and tf.as_dtype(dtype) == tf.float32:
            note(CAST)
            return x
        return cast(x, dtype, name)

    def whole_pool(
        kernel: Callable[..., Any], is_max: bool, x: Any, window: Any, *args: Any
    ) -> Any:
        strides, padding, layout = args
        known = isinstance(padding, str) and layout in (None, "NDHWC")
        if x.dtype != tf.float64 or len(x.shape) != 5 or not known:
            return kernel(x, window, *args)
        ours = whole_pools.pool(x, window, strides, padding, is_max)
        return held("3D pools", ours, kernel, x, window, *args)

    def max_pool(
        input: Any,
        ksize: Any,
        strides: Any,
        padding: Any,
        data_format: Any = None,
        name: Any = None,
    ) -> Any:
        return whole_pool(pools[0], True, input, ksize, strides, padding, data_format)

    def avg_pool(
        input: Any,
        ksize: Any,
        strides: Any,
        padding: Any,
        data_format: Any = None,
        name: Any = None,
    ) -> Any:
        return whole_pool(pools[1], False, input, ksize, strides, padding, data_format)

    def any_pool(
        input: Any,
        window_shape: Any,
        pooling_type: str,
        strides: Any = None,
        padding: str = "VALID",
        data_format: Any = None,
        dilations: Any = None,
        name: Any = None,
    ) -> Any:
        def kernel(x: Any, window: Any, strides: Any, padding: str, layout: Any) -> Any:
            return pools[2](x, window, pooling_type, strides, padding, layout, dilations)

        if dilations is not None:
            return kernel(input, window_shape, strides, padding, data_format)
        is_max = pooling_type == "MAX"
        return whole_pool(kernel, is_max, input, window_shape, strides, padding, data_format)

    def whole_resize(
        images: Any,
        size: Any,
        method: Any = "bilinear",
        preserve_aspect_ratio: bool = False,
        antialias: bool = False,
        name: Any = None,
    ) -> Any:
        plain = (images, size, method, preserve_aspect_ratio, antialias)
        known = isinstance(method, str) and method != "nearest" and not preserve_aspect_ratio
        if images.dtype != tf.float64 or not known:
            return resize(*plain)
        height, width = (int(each) for each in size)
        ours = whole_resizing.resize(images, (height, width), method, antialias)
        return resize(*plain) if ours is None else held(f"{method} resizes", ours, resize, *plain)

    def whole_bitcast(input: Any, type: Any, name: Any = None) -> Any:
        """Whoever reads the bits of a float32, as Keras' `signbit` does, must have one."""
        if input.dtype == tf.float64 and tf.as_dtype(type).size == tf.float32.size:
            input = cast(input, tf.float32)
        return bitcast(input, type, name)

    tf.cast, tf.bitcast, tf.image.resize = whole_cast, whole_bitcast, whole_resize
    tf.nn.max_pool, tf.nn.avg_pool, tf.nn.pool = max_pool, avg_pool, any_pool
    try:
        yield
    finally:
        tf.cast, tf.bitcast, tf.image.resize = cast, bitcast, resize
        tf.nn.max_pool, tf.nn.avg_pool, tf.nn.pool = pools
