"""A Keras model as an original."""

from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from functools import partial
from typing import Any

import numpy as np

from port.errors import InputError
from verify.custom.fingerprint import Fingerprint
from verify.custom.keras_layers import (
    flat,
    is_float,
    like,
    named_layers,
    own_variables,
    to_numpy,
    watch,
)
from verify.custom.keras_training import KerasTrainer
from verify.custom.original import OUTPUT, Call
from verify.custom.probes import probe_weights
from verify.custom.whole_constants import whole_constants
from verify.runners.tensorflow import import_keras
from verify.specs.spec import Arrays, Stage


class KerasModel:
    """A Keras model of any kind: sequential, functional or subclassed.

    Args:
        build: makes the model; or the model itself, if its configuration says how to rebuild it.
            It is built anew in each precision, since only so does a constant such as an epsilon
            keep all its digits in float64.
        seed: draw weights that suit a comparison, batch norms far from their defaults; None keeps
            those that the model was built with.

    Attributes:
        variables: every weight by name, the layer's path and the variable's own name.
        trainable: of those, the ones that training changes through gradients.
        notes: none.
    """

    notes: Sequence[str] = ()

    def __init__(self, build: Callable[[], Any], *, seed: int | None = None) -> None:
        self._keras = import_keras()
        self._models: dict[str, Any] = {}
        model, self._build = None, build
        if isinstance(build, self._keras.Model):
            model, self._build = build, partial(_rebuilt, build)
        layers = self._layers(model or self._made("float32"))
        found = {
            n: v for path, layer in layers.items() for n, v in own_variables(path, layer).items()
        }
        self.trainable = frozenset(name for name, variable in found.items() if variable.trainable)
        self.variables: Arrays = {name: to_numpy(variable) for name, variable in found.items()}
        if seed is not None:
            self.variables = probe_weights(self.variables, seed, _depthwise_kernels(layers))

    def calls(self, inputs: Mapping[str, np.ndarray]) -> list[Call]:
        """See `AnyOriginal`."""
        model = self.model("float64")
        layers = self._layers(model)
        names = {id(layer): tuple(own_variables(path, layer)) for path, layer in layers.items()}
        calls: list[Call] = []

        def see(tap: str, layer: Any, reads: tuple[Any, ...], value: Any) -> None:
            if is_float(value):
                array = to_numpy(value)
                if array.dtype != np.float64:
                    raise InputError(f"layer {tap!r} computes in {array.dtype}, not in float64")
                read = tuple(Fingerprint.of(to_numpy(tensor)) for tensor in flat(reads))
                calls.append(Call(tap, names.get(id(layer), ()), read, array))

        with watch(layers, see):
            output = to_numpy(_run(model, inputs))
        return [*calls, Call(OUTPUT, (), (), output)]

    def runner(self, precision: str, inputs: Sequence[str]) -> "KerasRunner":
        """See `AnyOriginal`."""
        model = self.model(precision)
        return KerasRunner(self._layers(model), partial(_run, model), inputs)

    def trainer(self, precision: str) -> KerasTrainer:
        """See `AnyOriginal`."""
        model = self.model(precision)
        return KerasTrainer(model, self._layers(model))

    def model(self, precision: str) -> Any:
        """The model in a precision, with the weights that are compared; it is built once.

        Raises:
            InputError: it cannot be had in that precision.
        """
        if precision in self._models:
            return self._models[precision]
        model = self._made(precision)
        layers = self._layers(model)
        for path, layer in layers.items():
            for name, variable in own_variables(path, layer).items():
                if str(variable.dtype) != precision:
                    raise InputError(
                        f"variable {name!r} is {variable.dtype} in a model built for {precision}: "
                        "build the model inside the function you give, and set no dtype there"
                    )
                variable.assign(self.variables[name])
            if hasattr(layer, "finalize_state"):  # a preprocessing layer takes its statistics over
                layer.finalize_state()
        self._models[precision] = model
        return model

    def _made(self, precision: str) -> Any:
        config = self._keras.config
        before = config.floatx(), config.dtype_policy()
        self._keras.backend.clear_session()  # so that layers get the same names in every build
        config.set_floatx(precision)
        config.set_dtype_policy(precision)
        try:
            return self._build()
        finally:
            config.set_floatx(before[0])
            config.set_dtype_policy(before[1])

    def _layers(self, model: Any) -> dict[str, Any]:
        """The layers by path, and operations such as `x + y` by name; no inputs."""
        layers = dict(named_layers(model))
        known = {id(layer) for layer in layers.values()}
        operations = getattr(model, "operations", ())
        layers |= {op.name: op for op in operations if id(op) not in known}
        inputs = self._keras.layers.InputLayer
        return {path: layer for path, layer in layers.items() if not isinstance(layer, inputs)}


class KerasRunner:
    """Runs a model whose `layers` are watched; `inputs` are the names of what it reads.

    `run_layer` lets every layer read what it is given, in one run for all that are asked for.
    """

    def __init__(
        self,
        layers: dict[str, Any],
        run: Callable[[Mapping[str, np.ndarray]], Any],
        inputs: Sequence[str],
    ) -> None:
        self._layers, self._run, self._inputs = layers, run, inputs
        self._alone: tuple[Mapping[str, np.ndarray], Arrays] | None = None

    def run_stage(self, stage: Stage, given: Mapping[str, np.ndarray]) -> Arrays:
        """See `OriginalRunner`."""
        return self._taps(set(stage.taps), given, {})

    def run_layer(self, tap: str, seen: Mapping[str, np.ndarray]) -> np.ndarray:
        """See `OriginalRunner`."""
        if self._alone is None or self._alone[0] is not seen or tap not in self._alone[1]:
            taps = seen.keys() - set(self._inputs)
            self._alone = seen, self._taps(taps, seen, {name: seen[name] for name in taps})
        return self._alone[1].pop(tap)

    def close(self) -> None:
        """See `OriginalRunner`."""
        self._layers, self._alone = {}, None

    def _taps(
        self,
        taps: AbstractSet[str],
        given: Mapping[str, np.ndarray],
        replacements: Mapping[str, np.ndarray],
    ) -> Arrays:
        found: Arrays = {}

        def see(tap: str, _layer: Any, _reads: tuple[Any, ...], value: Any) -> Any:
            if tap not in taps:
                return None
            found[tap] = to_numpy(value)
            return like(value, replacements[tap]) if tap in replacements else None

        with watch(self._layers, see):
            output = self._run({name: given[name] for name in self._inputs})
        if OUTPUT in taps:
            found[OUTPUT] = to_numpy(output)
        return found


def _run(model: Any, given: Mapping[str, np.ndarray]) -> Any:
    """The model's output for its inputs, in their order."""
    arrays = [a.astype(model.compute_dtype) if a.dtype.kind == "f" else a for a in given.values()]
    with whole_constants():
        output = model(arrays[0] if len(arrays) == 1 else arrays, training=False)
    if not is_float(output):
        raise InputError("the model returns more than one tensor; build one that returns one")
    return output


def _rebuilt(model: Any) -> Any:
    """From its configuration, in the precision that Keras is set to now."""
    import keras

    return type(model).from_config(_in_precision(model.get_config(), keras.config.floatx()))


def _in_precision(config: Any, precision: str) -> Any:
    if isinstance(config, dict):
        return {key: _in_precision(value, precision) for key, value in config.items()}
    if isinstance(config, list | tuple):
        return type(config)(_in_precision(value, precision) for value in config)
    return precision if config == "float32" else config


def _depthwise_kernels(layers: Mapping[str, Any]) -> frozenset[str]:
    """Those that Keras names like any other kernel."""
    kernels = {f"{p}/kernel" for p, layer in layers.items() if "Depthwise" in type(layer).__name__}
    return frozenset(kernels)
