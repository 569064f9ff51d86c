"""Ways to run a net for inference, by name, each from clips to logits."""

import tempfile
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

from port.errors import InputError
from port.export import INPUT, OUTPUT, export_onnx
from port.model import TinyVideoNet
from port.optimize.optimize import optimize

Engine = Callable[[Tensor], Tensor]


def engine_of(net: TinyVideoNet, name: str) -> Engine:
    """What runs `net` under that name: clips `[B, 3, T, H, W]` to logits `[B, num_classes]`.

    Args:
        net: in evaluation mode, where it is to run.
        name: `eager`, the net as it is; `optimized`, by `port.optimize`; `compiled`, that behind
            `torch.compile`; `onnxruntime`, exported, at the net's own size; `auto`, on a CPU
            `optimized`, which `tvn verify --also=optimized` judges, and elsewhere `eager`.

    Raises:
        InputError: there is no such way, not on this device, or what it needs is not installed.
    """
    on_cpu = next(net.parameters()).device.type == "cpu"
    if name == "auto":
        name = "optimized" if on_cpu else "eager"
    if name == "eager":
        return net
    if not on_cpu:
        raise InputError(f"--engine={name}: runs on the CPU alone; give --device=cpu, or eager")
    if name == "onnxruntime":
        return _onnxruntime(net)
    if name in ("optimized", "compiled"):
        return optimize(net, compile=name == "compiled")
    raise InputError(f"--engine={name}: no such engine")


def _onnxruntime(net: TinyVideoNet) -> Engine:
    try:
        import onnxruntime
    except ModuleNotFoundError:
        raise InputError(
            "--engine=onnxruntime needs onnxruntime: pip install 'tvn-port[onnx]'"
        ) from None
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.log_severity_level = torch.get_num_threads(), 3
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "net.onnx"
        export_onnx(net, path)
        session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    return lambda clips: torch.from_numpy(session.run([OUTPUT], {INPUT: clips.numpy()})[0])
