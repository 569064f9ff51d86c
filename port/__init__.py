"""Tiny Video Networks in PyTorch, and their TensorFlow weights carried over. Needs no TensorFlow.

net = port.create_model("tvn1", weights="tvn1.safetensors").eval()
logits, taps = port.capture(net, clips)  # clips [B, 3, T, H, W], RGB in [0, 1]
"""

from port.convert.convert_weights import convert_weights
from port.convert.state_dict import state_dict_from_tf, tf_from_state_dict
from port.errors import InputError
from port.export import export_onnx
from port.factory import create_model
from port.genotype import Genotype, list_models
from port.model import TinyVideoNet
from port.taps import capture
from port.weights import load_weights, save_weights

__all__ = [
    "Genotype",
    "InputError",
    "TinyVideoNet",
    "capture",
    "convert_weights",
    "create_model",
    "export_onnx",
    "list_models",
    "load_weights",
    "save_weights",
    "state_dict_from_tf",
    "tf_from_state_dict",
]
