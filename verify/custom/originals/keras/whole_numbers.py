"""Numbers that a layer makes in float32 inside float64: ranges, constants, casts of whole numbers.

A rotary embedding counts positions and takes powers in float32 on purpose, whatever it is fed. Its
original in float64 would then be no truth. Within, such numbers are made in float64.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from verify.runners.tensorflow import import_tensorflow
from verify.runners.whole_precision import CAST


@contextmanager
def whole_numbers(note: Callable[[str], None]) -> Iterator[None]:
    """Within, TensorFlow's functions, as Keras calls them, make float64 of what is no float yet.

    Args:
        note: is told of it, in a sentence for the report.
    """
    tf = import_tensorflow()
    cast, count, convert = tf.cast, tf.range, tf.convert_to_tensor

    def is_single(dtype: Any) -> bool:
        return dtype is not None and tf.as_dtype(dtype) == tf.float32

    def is_number_yet(x: Any) -> bool:
        """Not one of a float tensor's, which say themselves how precise they are."""
        dtype = getattr(x, "dtype", None)
        return dtype is None or not tf.as_dtype(dtype).is_floating

    def whole_cast(x: Any, dtype: Any, name: str | None = None) -> Any:
        if is_single(dtype) and is_number_yet(x):
            note(CAST)
            dtype = tf.float64
        return cast(x, dtype, name)

    def whole_range(*args: Any, dtype: Any = None, **kwargs: Any) -> Any:
        if is_single(dtype):
            note(CAST)
            dtype = tf.float64
        return count(*args, dtype=dtype, **kwargs)

    def whole_convert(value: Any, dtype: Any = None, **kwargs: Any) -> Any:
        if is_single(dtype) and not tf.is_tensor(value) and is_number_yet(value):
            note(CAST)
            dtype = tf.float64
        return convert(value, dtype=dtype, **kwargs)

    tf.cast, tf.range, tf.convert_to_tensor = whole_cast, whole_range, whole_convert
    try:
        yield
    finally:
        tf.cast, tf.range, tf.convert_to_tensor = cast, count, convert
