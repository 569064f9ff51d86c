"""The two sides, run on the same weights and the same clips; both answer in TensorFlow's layout."""

from collections.abc import Collection, Mapping

import numpy as np
import torch
from torch import Tensor

import port
from port import Genotype, TinyVideoNet
from port.taps import tapped_modules, watch


def build_port(
    genotype: Genotype, variables: Mapping[str, np.ndarray], dtype: str, max_pool: bool = False
) -> TinyVideoNet:
    """The port with TensorFlow's weights, ready for inference in `dtype`."""
    state_dict = port.state_dict_from_tf(variables, genotype)
    with torch.device("meta"):
        net = TinyVideoNet(
            genotype, len(variables["dense/bias"]), max_pool_predictions=max_pool
        ).eval()
    net.load_state_dict(
        {key: value.to(getattr(torch, dtype)) for key, value in state_dict.items()}, assign=True
    )
    return net


def capture_port(
    net: TinyVideoNet, clips: np.ndarray, only: Collection[str] | None = None
) -> dict[str, np.ndarray]:
    """Taps, all or `only` some, in TensorFlow's layout, for `clips` `[B, T, H, W, 3]`."""
    taps: dict[str, np.ndarray] = {}

    def keep(name: str, output: Tensor) -> None:
        taps[name] = to_nhwc(output)

    modules = tapped_modules(net)
    dtype = net.get_classifier().weight.dtype
    x = torch.from_numpy(clips).to(dtype).permute(0, 4, 1, 2, 3).contiguous()
    with torch.inference_mode(), watch({name: modules[name] for name in only or modules}, keep):
        net(x)
    return taps


def to_nhwc(tap: Tensor) -> np.ndarray:
    """Frames' channels behind their pixels; what is no image stays as it is."""
    return (tap.permute(0, 2, 3, 1) if tap.ndim == 4 else tap).numpy()


def as_original_takes(genotype: Genotype, clips: np.ndarray) -> np.ndarray:
    """Clips `[B, T, H, W, 3]` as the original's input: one axis of frames unless it has streams."""
    return clips if genotype.input_streams else clips.reshape(-1, *clips.shape[2:])
