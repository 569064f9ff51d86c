"""Writing a spec to start from, for a model in a file or a folder."""

from dataclasses import dataclass
from os import path
from pathlib import Path

from port.atomic import write_text as write_whole
from port.errors import InputError
from verify.custom.originals.keras.rebuild import FILE, load_file
from verify.custom.starting.graph_outline import outline_saved_model, outline_weights
from verify.custom.starting.keras_outline import outline_keras
from verify.custom.starting.outline import Outline
from verify.custom.starting.write import write_text

MODEL_FILE = "saved_model.pb"


@dataclass(frozen=True)
class Start:
    """What was written: the kind of model, how many layers, and what is left to be filled in."""

    kind: str
    layers: int
    missing: tuple[str, ...]


def start_spec(model: str | Path, output: str | Path) -> Start:
    """Write a spec for `tvn verify --spec=`, and say what is left to be filled in.

    Args:
        model: a `.keras` file, a SavedModel's or hub module's folder, a checkpoint, or whatever
            else holds weights of TensorFlow.
        output: the file, which must not be there yet.

    Raises:
        InputError: there is no such model, it is none, or `output` is there already.
    """
    model, output = Path(model), Path(output)
    if path.lexists(output):
        raise InputError(f"{output}: is there already; name another file with --output")
    if output.suffix != ".py":
        raise InputError(f"{output}: --output takes the name of a Python file, such as my_port.py")
    outline = _outline(model)
    text = write_text(outline, model, output)
    compile(text, str(output), "exec", dont_inherit=True)  # what is written is Python, or a mistake
    write_whole(output, text)
    return Start(outline.kind, len(outline.layers), tuple(outline.skeleton.missing))


def _outline(model: Path) -> Outline:
    if model.suffix == FILE:
        return outline_keras(load_file(model))
    if model.is_file() and model.name == MODEL_FILE:
        model = model.parent
    if (model / MODEL_FILE).is_file():
        return outline_saved_model(model)
    return outline_weights(model)
