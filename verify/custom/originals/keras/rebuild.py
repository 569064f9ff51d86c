"""Keras models that no function of the user's builds: a model's copy, and a model in a file."""

from pathlib import Path
from typing import Any

from port.errors import InputError
from verify.custom.layouts.nested import in_one_line
from verify.runners.tensorflow import import_keras

FILE = ".keras"


def rebuild(model: Any) -> Any:
    """Another one like `model`, without its weights, in the precision that Keras is set to now.

    Raises:
        InputError: its configuration does not say how.
    """
    keras = import_keras()
    try:
        if any(isinstance(layer, keras.layers.Lambda) for layer in model._flatten_layers()):
            return keras.models.clone_model(model, clone_function=_copied, recursive=True)
        config = _in_precision(model.get_config(), keras.config.floatx())
        return type(model).from_config(config)
    except Exception as error:
        raise InputError(
            f"the model cannot be built anew ({in_one_line(error)}): give the function that builds "
            "it, KerasModel(build)"
        ) from error


def load_file(path: Path) -> Any:
    """The model in a `.keras` file; no code of the file's is run.

    Raises:
        InputError: there is none.
    """
    if path.suffix != FILE:
        raise InputError(f"{path}: no {FILE} file; for a SavedModel's folder there is saved_model")
    if not path.is_file():
        raise InputError(f"{path}: no such file")
    try:
        return import_keras().models.load_model(path, compile=False, safe_mode=True)
    except Exception as error:
        if "lambda" in str(error).lower():
            raise InputError(
                f"{path}: holds a Lambda layer, whose code is not run out of a file; build the "
                "model in a function, and load its weights there"
            ) from error
        raise InputError(
            f"{path}: cannot be loaded ({in_one_line(error)}); build the model in a function that "
            "knows its classes, and load its weights there"
        ) from error


def _copied(layer: Any) -> Any:
    """A layer without its weights; a Lambda with the very function, which no configuration has."""
    config = layer.get_config()
    if type(layer).__name__ != "Lambda":
        return type(layer).from_config(config)
    kept = {key: config[key] for key in ("name", "trainable", "arguments") if key in config}
    return type(layer)(layer.function, output_shape=layer._output_shape, **kept)


def _in_precision(config: Any, precision: str) -> Any:
    if isinstance(config, dict):
        return {key: _in_precision(value, precision) for key, value in config.items()}
    if isinstance(config, list | tuple):
        return type(config)(_in_precision(value, precision) for value in config)
    return precision if config == "float32" else config
