"""A Keras model, one training step at a time."""

from typing import Any

from verify.custom.originals.keras.layers import to_numpy, variables_of
from verify.custom.originals.keras.recurrent import is_loop
from verify.custom.originals.keras.whole_constants import whole_constants
from verify.custom.originals.original import OUTPUT
from verify.runners.tensorflow import import_tensorflow
from verify.specs.spec import Arrays
from verify.specs.training_spec import INPUT_GRADIENT, LOSS, TrainingBatch, gradient_of


class KerasTrainer:
    """A model whose `layers` are known by path; see `TrainingRunner`. Dropout is off."""

    def __init__(self, model: Any, layers: dict[str, Any]) -> None:
        self._tf, self._model = import_tensorflow(), model
        self._variables = variables_of(layers)
        for layer in layers.values():
            if "Dropout" in type(layer).__name__:
                layer.rate = 0.0
            for part in layer._flatten_layers() if is_loop(layer) else ():
                for rate in vars(part).keys() & {"dropout", "recurrent_dropout"}:
                    setattr(part, rate, 0.0)

    def run(self, batch: TrainingBatch) -> Arrays:
        """See `TrainingRunner`."""
        tf = self._tf
        before = {name: to_numpy(variable) for name, variable in self._variables.items()}
        trained = {name: v for name, v in self._variables.items() if v.trainable}
        x = tf.constant(batch.clips, self._model.compute_dtype)
        weights = tf.constant(batch.labels, self._model.compute_dtype)
        with whole_constants(), tf.GradientTape() as tape:
            tape.watch(x)
            output = self._model(x, training=True)
            loss = tf.reduce_sum(output * weights)
        # Keras' variables hold TensorFlow's; plain ones are such themselves.
        sources = [*(v if isinstance(v, tf.Variable) else v.value for v in trained.values()), x]
        gradients = tape.gradient(loss, sources, unconnected_gradients="zero")
        values = {n: to_numpy(v) for n, v in self._variables.items() if n not in trained}
        values |= {OUTPUT: to_numpy(output), LOSS: to_numpy(loss)}
        names = [*map(gradient_of, trained), INPUT_GRADIENT]
        values |= {
            n: to_numpy(tf.convert_to_tensor(g)) for n, g in zip(names, gradients, strict=True)
        }
        for name, variable in self._variables.items():
            variable.assign(before[name])
        return values

    def close(self) -> None:
        """See `TrainingRunner`."""
        self._variables = {}
