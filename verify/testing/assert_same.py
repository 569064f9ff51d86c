"""`assert_same`: a port against its original, as one line of a test."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor, nn

from port.errors import InputError
from verify.custom.matching.said import Table
from verify.custom.originals.graph.model import saved_model, tf_function
from verify.custom.originals.keras.model import KerasModel
from verify.custom.originals.original import AnyOriginal
from verify.custom.port_spec import Convert, port_spec
from verify.diagnosis.verify import verify
from verify.reports.report import Report
from verify.testing.complaint import complain


def assert_same(
    original: Any,
    port: nn.Module,
    inputs: Any,
    *,
    level: str = "inference",
    weights: Table | Convert | None = None,
    taps: Mapping[str, str | tuple[str, str] | None] | None = None,
    seed: int | None = None,
    **given: Any,
) -> Report:
    """Assert that a port is the same function as its original, and as precise, at every layer.

    Args:
        original: a Keras model, or a function that builds one; a `tf.function` with an
            `input_signature`; the path of a `.keras` file or a SavedModel; or what `KerasModel`,
            `tf1_graph` and their like make.
        port: any torch module; a copy of it gets the original's weights, if not `loaded=True`.
        inputs: the original's, in its layout: an array or tensor, or several, in order or by name.
        level: how much is judged, see `verify.verify`.
        weights: see `port_spec`.
        taps: see `port_spec`.
        seed: draw weights that suit a comparison, as `KerasModel` does. Fresh batch norms are all
            alike, so mistakes in them do not show; None keeps the original's own weights.
        given: anything else that `port_spec` takes.

    Returns:
        The report, if everything passed.

    Raises:
        AssertionError: something differs. Its text is the verdict, the first layer that is wrong
            by itself with its figures, and why; under 40 lines.
        InputError: the two cannot be compared as they are given.
    """
    name = type(port).__name__
    spec = port_spec(
        name, _original(original, seed), port, _arrays(inputs), weights=weights, taps=taps, **given
    )
    report = verify(spec, level)
    if not report.passed:
        raise AssertionError(complain(report))
    return report


def _original(original: Any, seed: int | None) -> AnyOriginal:
    """What compares, of whatever a test has at hand."""
    if isinstance(original, str | Path):
        return _stored(Path(original), seed)
    if hasattr(original, "get_concrete_function") or hasattr(original, "captured_inputs"):
        return tf_function(original, seed=seed)
    if hasattr(original, "calls") and hasattr(original, "runner"):
        if seed is not None:
            raise InputError("seed: give it to what you made the original with")
        return original
    if callable(original):  # a Keras model, or what builds one
        return KerasModel(original, seed=seed)
    raise InputError(
        f"original: {type(original).__name__} is neither a Keras model, a function that builds "
        "one, a tf.function, nor the path of a SavedModel"
    )


def _stored(path: Path, seed: int | None) -> AnyOriginal:
    if path.suffix == ".keras":
        return KerasModel(path, seed=seed)
    if (path / "saved_model.pb").exists():
        return saved_model(path, seed=seed)
    raise InputError(f"original: {path} is neither a .keras file nor the folder of a SavedModel")


def _arrays(inputs: Any) -> Any:
    """Arrays in whatever structure they come; torch's tensors become such."""
    if isinstance(inputs, Mapping):
        return {name: _arrays(each) for name, each in inputs.items()}
    if isinstance(inputs, list | tuple):
        return [_arrays(each) for each in inputs]
    return inputs.detach().numpy() if isinstance(inputs, Tensor) else np.asarray(inputs)
