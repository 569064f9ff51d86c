"""Tiny Video Networks in PyTorch, and their TensorFlow weights carried over. Needs no TensorFlow.

net = port.create_model("tvn1", weights="tvn1.safetensors").eval()
logits, taps = port.capture(net, clips)  # clips [B, 3, T, H, W], RGB in [0, 1]

Each name is imported when it is first asked for, so that errors and texts come without PyTorch.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from port.convert.convert_weights import convert_weights
    from port.convert.state_dict import MisfitError, state_dict_from_tf, tf_from_state_dict
    from port.convert.weights import load_weights, save_weights
    from port.errors import InputError
    from port.export import export_onnx
    from port.factory import create_model
    from port.genotype import Genotype, list_models
    from port.model import TinyVideoNet
    from port.optimize.optimize import optimize
    from port.taps import capture
    from port.version import __version__

__all__ = [
    "Genotype",
    "InputError",
    "MisfitError",
    "TinyVideoNet",
    "__version__",
    "capture",
    "convert_weights",
    "create_model",
    "export_onnx",
    "list_models",
    "load_weights",
    "optimize",
    "save_weights",
    "state_dict_from_tf",
    "tf_from_state_dict",
]

_MODULES = {
    "__version__": "version",
    "Genotype": "genotype",
    "InputError": "errors",
    "MisfitError": "convert.state_dict",
    "TinyVideoNet": "model",
    "capture": "taps",
    "convert_weights": "convert.convert_weights",
    "create_model": "factory",
    "export_onnx": "export",
    "list_models": "genotype",
    "load_weights": "convert.weights",
    "optimize": "optimize.optimize",
    "save_weights": "convert.weights",
    "state_dict_from_tf": "convert.state_dict",
    "tf_from_state_dict": "convert.state_dict",
}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module 'port' has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(f"port.{_MODULES[name]}"), name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
