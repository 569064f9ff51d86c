"""A Keras model, one training step at a time."""

from collections.abc import Callable, Mapping
from contextlib import nullcontext
from typing import Any

import numpy as np

from port.errors import InputError
from verify.custom.layouts.nested import in_one_line, nested
from verify.custom.originals.keras.layers import to_numpy, variables_of
from verify.custom.originals.keras.randomness import quiet
from verify.custom.originals.keras.run import run
from verify.custom.originals.keras.whole_constants import whole_constants
from verify.custom.originals.keras.whole_kernels import whole_kernels
from verify.custom.originals.keras.whole_numbers import whole_numbers
from verify.runners.tensorflow import import_tensorflow
from verify.specs.spec import Arrays
from verify.specs.training_spec import (
    LOSS,
    PENALTY,
    NetBatch,
    gradient_of,
    gradients_of_inputs,
    trainable,
)

# Of what the model returns, one number.
Loss = Callable[[Any], Any]


class KerasTrainer:
    """A model whose `layers` are known by path; see `TrainingRunner`. Dropout is off.

    `loss`: the user's own, of what the model returns; None: that of the batch.
    """

    def __init__(self, model: Any, layers: dict[str, Any], loss: Loss | None = None) -> None:
        self._loss = loss
        self._tf, self._model, self._layers = import_tensorflow(), model, layers
        self._variables = variables_of(layers)

    def run(self, batch: NetBatch) -> Arrays:
        """See `TrainingRunner`."""
        tf = self._tf
        before = {name: to_numpy(variable) for name, variable in self._variables.items()}
        trained = {name: v for name, v in self._variables.items() if v.trainable}
        dtype = self._model.compute_dtype
        inputs = {
            name: tf.constant(array, dtype if array.dtype.kind == "f" else None)
            for name, array in batch.inputs.items()
        }
        weights = {tap: tf.constant(array, dtype) for tap, array in batch.weights.items()}
        floats = gradients_of_inputs(batch.inputs)
        with quiet(self._layers) as drawn, tf.GradientTape() as tape:
            tape.watch([inputs[name] for name in floats])
            outputs = run(self._model, inputs, training=True)
            if self._loss is None:
                loss = sum(tf.reduce_sum(outputs[tap] * weights[tap]) for tap in weights)
            else:
                loss = self._own(outputs, dtype)
            with whole_constants():
                penalties = [tf.cast(each, dtype) for each in self._model.losses]
            penalty = sum(penalties, tf.zeros((), dtype))
            loss = loss + penalty if batch.penalised else loss
        # Keras' variables hold TensorFlow's; plain ones are such themselves.
        sources = [*(v if isinstance(v, tf.Variable) else v.value for v in trained.values())]
        sources += [inputs[name] for name in floats]
        gradients = tape.gradient(loss, sources, unconnected_gradients="zero")
        values = {n: to_numpy(v) for n, v in self._variables.items() if n not in trained}
        values |= {tap: to_numpy(outputs[tap]) for tap in weights} | {LOSS: to_numpy(loss)}
        values |= {PENALTY: to_numpy(penalty), **drawn.values}
        values |= {trainable(n): np.zeros(1) for n in self._variables if n not in trained}
        names = [*map(gradient_of, trained), *floats.values()]
        values |= {
            n: to_numpy(tf.convert_to_tensor(g)) for n, g in zip(names, gradients, strict=True)
        }
        for name, variable in self._variables.items():
            variable.assign(before[name])
        return values

    def _own(self, outputs: Mapping[str, Any], dtype: str) -> Any:
        """What the user's loss makes of them.

        Raises:
            InputError: it raises an error, or makes no number.
        """
        assert self._loss is not None
        whole = whole_numbers if dtype == "float64" else nullcontext
        returned = nested({tap.partition("/")[2]: each for tap, each in outputs.items()})
        try:
            with whole_constants(), whole_kernels(), whole(lambda _: None):
                loss = self._tf.convert_to_tensor(self._loss(returned))
        except Exception as error:  # whatever is in it
            raise InputError(f"loss: the original's stopped: {in_one_line(error)}") from error
        if loss.shape != () or loss.dtype != dtype:
            kind = f"{loss.dtype.name} {'×'.join(map(str, loss.shape)) or 'number'}"
            raise InputError(f"loss: the original's returns a {kind}, not one number of {dtype}")
        return loss

    def close(self) -> None:
        """See `TrainingRunner`."""
        self._variables = {}
