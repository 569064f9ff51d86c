"""Layers that Keras applies to every step of time: here to all steps at once, as ports do."""

from collections.abc import Mapping
from typing import Any


def is_distributed(layer: Any) -> bool:
    """Does it apply another layer to every step?"""
    from keras import layers

    return isinstance(layer, layers.TimeDistributed)


def distributed_alone(layers: Mapping[str, Any]) -> set[int]:
    """Of the layers that are applied so, those without layers inside: they are no taps besides."""
    inner = [layer.layer for layer in layers.values() if is_distributed(layer)]
    return {id(layer) for layer in inner if not layer._layers}


class Folded:
    """One call of such a layer: with time `[n, t, …]` folded into the batch `[(n t), …]`."""

    def __init__(self, layer: Any, sequence: Any) -> None:
        self._layer, self._steps = layer, tuple(sequence.shape[:2])

    def run(self, sequence: Any, named: Mapping[str, Any]) -> Any:
        """What the layer makes of a sequence."""
        inner = self._layer.layer
        kept = {"training": named.get("training")} if inner._call_has_training_arg else {}
        return self.unfold(inner.call(self.fold(sequence), **kept))

    def fold(self, sequence: Any) -> Any:
        """`[n, t, …]` as `[(n t), …]`."""
        from keras import ops

        return ops.reshape(sequence, (-1, *sequence.shape[2:]))

    def unfold(self, values: Any) -> Any:
        """`[(n t), …]` as `[n, t, …]`."""
        from keras import ops

        return ops.reshape(values, (*self._steps, *values.shape[1:]))
