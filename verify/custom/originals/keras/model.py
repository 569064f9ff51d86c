"""A Keras model as an original."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from contextlib import contextmanager
from copy import copy
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from port.errors import InputError
from verify.custom.layouts.fingerprint import Fingerprint
from verify.custom.layouts.nested import in_one_line
from verify.custom.originals.bends import bends_of, unpassed
from verify.custom.originals.keras.layers import (
    flat,
    is_float,
    named_layers,
    names_by_layer,
    to_numpy,
    variables_of,
    watch,
)
from verify.custom.originals.keras.levelled import levelled
from verify.custom.originals.keras.precision import put_into
from verify.custom.originals.keras.rebuild import load_file, rebuild
from verify.custom.originals.keras.recurrent import is_recurrent, stateful_layers
from verify.custom.originals.keras.run import input_shapes, run
from verify.custom.originals.keras.runner import KerasRunner, by_tap
from verify.custom.originals.keras.single_precision import (
    ALONE,
    SINGLE,
    let_single,
    single_precision_of,
)
from verify.custom.originals.keras.time_distributed import distributed_alone
from verify.custom.originals.keras.training import KerasTrainer, Loss
from verify.custom.originals.keras.unused import unused_in_inference
from verify.custom.originals.keras.whole_constants import take_statistics_over
from verify.custom.originals.original import Call, Sizes
from verify.custom.originals.probes import probe_weights
from verify.runners.tensorflow import import_keras
from verify.specs.spec import Arrays

# Of a stateful layer.
BEGINS_ANEW = "begins each run with zeros; what it carries over to the next batch is not compared"
# The path of the model itself, beside those of its layers.
MODEL = ""


class KerasModel:
    """A Keras model of any kind: sequential, functional or subclassed.

    Args:
        build: makes the model; or the model itself, if its configuration says how to rebuild it;
            or the path of a `.keras` file. It is built anew in each precision, since only so does
            a constant such as an epsilon keep all its digits in float64. What is float32 in it
            all the same, since it was loaded or has a dtype of its own, is put into float64.
        seed: draw weights that suit a comparison, batch norms far from their defaults; None keeps
            those that the model was built with.

    Attributes:
        variables: every weight by name, the layer's path and the variable's own name; the model's
            own weights, which no layer has, by their own name alone.
        trainable: of those, the ones that training changes through gradients.
        unused: by kind, the layers that have what training alone uses.
        penalised: whether layers add to the loss themselves, known once it has run.
        notes: which layers compute in float64 otherwise than TensorFlow would, and what of it is
            not compared.
        learns_statistics: it has a training mode.
        rounded: layers that need float32 in float64, known once it has run.
    """

    learns_statistics = True
    penalised = False
    rounded: tuple[str, ...] = ()

    def __init__(self, build: Callable[[], Any] | str | Path, *, seed: int | None = None) -> None:
        self._keras = import_keras()
        # Shared with those of other weights: the models, and whose weights they have now.
        self._models: dict[str, Any] = {}
        self.notes: list[str] = []
        self._held: dict[str, Arrays] = {}
        model = build if isinstance(build, self._keras.Model) else None
        self._build: Callable[[], Any]
        if model is not None:
            self._build = partial(rebuild, model)
        elif isinstance(build, str | Path):
            self._build = partial(load_file, Path(build))
        else:
            self._build = build
        model = model or self._made("float32")
        layers = self._holders(model)
        found = variables_of(layers)
        self.unused = unused_in_inference(layers)
        self.trainable = frozenset(name for name, variable in found.items() if variable.trainable)
        self.variables: Arrays = {name: to_numpy(variable) for name, variable in found.items()}
        if seed is not None:
            self.variables = probe_weights(
                self.variables, seed, _depthwise_kernels(layers), self.trainable
            )
            self.variables = levelled(model, self._layers(model), found, self.variables)

    def calls(self, inputs: Mapping[str, np.ndarray]) -> list[Call]:
        """See `AnyOriginal`."""
        model = self.model("float64")
        layers = self._layers(model)
        by_path = names_by_layer(self._holders(model))
        names = {id(layer): by_path[path] for path, layer in layers.items()}
        inside = {id(layer): tuple(_inside(path, by_path)) for path, layer in layers.items()}
        alone = distributed_alone(layers)
        calls: list[Call] = []
        new, noted = list[str](), dict[str, list[str]]()

        def see(tap: str, layer: Any, reads: tuple[Any, ...], value: Any) -> None:
            for note in dict.fromkeys(new):
                noted.setdefault(note, []).append(tap)
            new.clear()
            if is_float(value):
                array = to_numpy(value)
                if array.dtype != np.float64:
                    raise InputError(f"layer {tap!r} computes in {array.dtype}, not in float64")
                read = tuple(Fingerprint.of(to_numpy(tensor)) for tensor in flat(reads))
                own, parts = names.get(id(layer), ()), inside.get(id(layer), ())
                bends = _unpassed(layer, reads)
                calls.append(Call(tap, own, read, array, parts, bends, _steps(layer, alone, reads)))

        with watch(by_tap(layers, inputs), see) as restart:

            def begin() -> None:
                restart()
                for of_last_run in (calls, new, noted):
                    of_last_run.clear()

            outputs = run(model, inputs, note=new.append, begin=begin)
        self.penalised = bool(model.losses)
        self.notes = [f"{', '.join(taps)}: {note}" for note, taps in noted.items()]
        self.rounded = tuple(single_precision_of(model).paths)
        self.notes += [f"{path}: {SINGLE}" for path in self.rounded]
        self.notes += [f"{layer.name}: {BEGINS_ANEW}" for layer in stateful_layers(model)]
        if late := variables_of(self._holders(model)).keys() - self.variables.keys():
            raise InputError(
                f"the model makes {', '.join(sorted(late))} when it is first called: "
                "call it once inside the function that builds it"
            )
        ends = [Call(tap, (), (), to_numpy(value)) for tap, value in outputs.items()]
        ends[-1] = replace(ends[-1], variables=by_path[MODEL])
        rounded = set(by_tap(dict.fromkeys(self.rounded), inputs))
        return list(_rounded_from(rounded, [*calls, *ends]))

    def sizes(self, inputs: Mapping[str, np.ndarray]) -> Sizes:
        """See `AnyOriginal`; a subclassed model is asked for other numbers of samples alone."""
        known = input_shapes(self.model("float64"), inputs)
        return {name: (None, *array.shape[1:]) for name, array in inputs.items()} | known

    def with_weights(self, variables: Mapping[str, np.ndarray]) -> "KerasModel":
        """See `AnyOriginal`."""
        other = copy(self)
        other.variables = dict(variables)
        return other

    def runner(self, precision: str, inputs: Sequence[str]) -> "KerasRunner":
        """See `AnyOriginal`."""
        model = self.model(precision)
        single = single_precision_of(model)
        return KerasRunner(self._layers(model), partial(run, model), inputs, single)

    def trainer(self, precision: str, loss: Loss | None = None) -> KerasTrainer:
        """See `AnyOriginal`."""
        if self.rounded:
            raise InputError(
                f"training: {self.rounded[0]} {ALONE}, so gradients have no float64 truth"
            )
        model = self.model(precision)
        return KerasTrainer(model, self._holders(model), loss)

    def model(self, precision: str) -> Any:
        """The model in a precision, with the weights that are compared; it is built once.

        Raises:
            InputError: it cannot be had in that precision.
        """
        model = self._models.get(precision)
        if model is None:
            model = self._made(precision)
        if self._held.get(precision) is not self.variables:
            self._give_weights(model, precision)
            self._models[precision], self._held[precision] = model, self.variables
        return model

    def _give_weights(self, model: Any, precision: str) -> None:
        holders = self._holders(model)
        for name, variable in variables_of(holders).items():
            dtype = self._keras.backend.standardize_dtype(variable.dtype)
            if dtype != precision:
                raise InputError(
                    f"variable {name!r} is {dtype} in a model built for {precision}: set no dtype "
                    "in the function that builds it, or keras.config.floatx()"
                )
            if name not in self.variables:
                raise InputError(f"the model has a variable {name!r} in {precision} alone")
            variable.assign(self.variables[name])
        for layer in holders.values():
            take_statistics_over(layer)

    def _made(self, precision: str) -> Any:
        self._keras.backend.clear_session(False)  # layers get the same names in every build
        try:
            with _set_to(precision):
                model = self._build()
        except InputError:
            raise
        except Exception as error:
            if precision == "float32":
                raise InputError(f"the original cannot be built: {in_one_line(error)}") from error
            with _set_to("float32"):  # something in it, such as a variable, is float32 by itself
                self._keras.backend.clear_session()
                model = self._build()
        if not isinstance(model, self._keras.Layer):
            raise InputError(f"the function returns a {type(model).__name__}, no Keras model")
        if precision == "float64":
            put_into(precision, model)
            let_single(model, self._layers(model))
        return model

    def _holders(self, model: Any) -> dict[str, Any]:
        """All that may have weights by path: the layers, and the model itself."""
        return {**self._layers(model), MODEL: model}

    def _layers(self, model: Any) -> dict[str, Any]:
        """The layers by their first path, and operations such as `x + y` by name; no inputs."""
        layers: dict[str, Any] = {}
        known = set[int]()
        for path, layer in named_layers(model):
            if id(layer) not in known:
                layers[path] = layer
                known.add(id(layer))
        operations = getattr(model, "operations", ())
        layers |= {op.name: op for op in operations if id(op) not in known}
        inputs = self._keras.layers.InputLayer
        return {path: layer for path, layer in layers.items() if not isinstance(layer, inputs)}


def _rounded_from(taps: AbstractSet[str], calls: Sequence[Call]) -> Iterator[Call]:
    """The calls, of which those from the first of these layers on are known to float32 only."""
    rounded = False
    for call in calls:
        rounded |= call.tap.partition("#")[0] in taps
        yield replace(call, rounded=rounded) if rounded else call


def _unpassed(layer: Any, reads: tuple[Any, ...]) -> tuple[float, ...]:
    bends = bends_of(layer)
    return unpassed(bends, to_numpy(next(flat(reads)))) if bends else ()


@contextmanager
def _set_to(precision: str) -> Iterator[None]:
    """Within, Keras makes what it makes in this precision."""
    import keras

    before = keras.config.floatx(), keras.config.dtype_policy()
    keras.config.set_floatx(precision)
    keras.config.set_dtype_policy(precision)
    try:
        yield
    finally:
        keras.config.set_floatx(before[0])
        keras.config.set_dtype_policy(before[1])


def _inside(container: str, names: Mapping[str, Sequence[str]]) -> Iterator[str]:
    """The variables of the layers inside a container, by the layers' paths."""
    for path, own in names.items():
        if path.startswith(f"{container}/"):
            yield from own


def _steps(layer: Any, alone: AbstractSet[int], reads: tuple[Any, ...]) -> tuple[Fingerprint, ...]:
    """What a recurrent layer reads, or one applied to every step, `[n, t, …]`, step by step."""
    if not reads or not (is_recurrent(layer) or id(layer) in alone):
        return ()
    read = to_numpy(reads[0])
    return tuple(Fingerprint.of(read[:, step]) for step in range(read.shape[1]))


def _depthwise_kernels(layers: Mapping[str, Any]) -> frozenset[str]:
    """Those that Keras names like any other kernel."""
    kernels = {f"{p}/kernel" for p, layer in layers.items() if "Depthwise" in type(layer).__name__}
    return frozenset(kernels)
