"""Pools over time, height and width in float64, which TensorFlow's kernels do in float32 alone."""

from collections.abc import Iterator, Sequence
from itertools import product
from typing import Any

from verify.runners.tensorflow import import_tensorflow


def pool(x: Any, kernel: Any, strides: Any, padding: str, is_max: bool) -> Any:
    """Of `x` `[n, t, h, w, c]` the maxima, or the averages without what is padded."""
    tf = import_tensorflow()
    kernel, strides = _three(kernel), _three(strides)
    pads = [(0, 0)] * 5
    if padding == "SAME":
        for axis, (size, k, s) in enumerate(zip(x.shape[1:4], kernel, strides, strict=True), 1):
            total = max((-(-size // s) - 1) * s + k - size, 0)
            pads[axis] = total // 2, total - total // 2

    def shifted(array: Any, value: float) -> Iterator[Any]:
        array = tf.pad(array, pads, constant_values=tf.constant(value, array.dtype))
        ends = [n - k + 1 for n, k in zip(array.shape[1:4], kernel, strict=True)]
        for starts in product(*map(range, kernel)):
            along = [
                slice(start, start + end, stride)
                for start, end, stride in zip(starts, ends, strides, strict=True)
            ]
            yield array[(slice(None), *along)]

    if is_max:
        largest, *others = shifted(x, float("-inf"))
        for other in others:
            largest = tf.maximum(largest, other)
        return largest
    counts = tf.add_n(list(shifted(tf.ones_like(x[:1, ..., :1]), 0.0)))
    return tf.add_n(list(shifted(x, 0.0))) / counts


def _three(sizes: int | Sequence[int] | None) -> tuple[int, int, int]:
    """Of time, height and width, as TensorFlow takes them: one number, three, or five."""
    match sizes:
        case None:
            return 1, 1, 1
        case int():
            return sizes, sizes, sizes
        case [each]:
            return int(each), int(each), int(each)
        case [_, t, h, w, _] | [t, h, w]:
            return int(t), int(h), int(w)
    raise ValueError(f"no sizes of a window: {sizes}")
