"""A net that tells red from blue, and frames for it."""

import json
from pathlib import Path

import numpy as np
import torch

from port import Genotype
from port.convert.weights import save_weights
from port.model import TinyVideoNet
from train.start import SMALL

CLASSES = ["red $x$", "blau – é"]
FRAMES, STRIDE, SIZE = 4, 3, 32
RED, BLUE = (200, 40, 60), (40, 60, 200)


def colours(*counts: int, height: int = 36, width: int = 48) -> list[np.ndarray]:
    """So many red frames, then blue ones, then red ones and so on, each a little unlike."""
    random = np.random.default_rng(0)
    return [
        np.clip(colour + random.integers(-9, 10, (height, width, 3)), 0, 255).astype(np.uint8)
        for count, colour in zip(counts, (RED, BLUE) * len(counts), strict=False)
        for _ in range(count)
    ]


def write_red_or_blue(path: Path) -> Path:
    """A weights file: random features, and a classifier that is fitted to the two colours."""
    genotype = json.loads(SMALL.read_text())
    genotype |= {"num_frames": FRAMES, "frame_stride": STRIDE, "image_size": SIZE}
    genotype["blocks"] = genotype["blocks"][:2]
    torch.manual_seed(0)
    net = TinyVideoNet(Genotype.from_dict(genotype), 2).eval()
    plain = torch.tensor([RED, BLUE]).view(2, 3, 1, 1, 1).expand(2, 3, FRAMES, SIZE, SIZE) / 255
    with torch.inference_mode():
        red, blue = net.forward_head(net.forward_features(plain), pre_logits=True).flatten(1)
    axis = (red - blue) * 8 / (red - blue).square().sum()
    dense = net.get_classifier()
    with torch.no_grad():
        dense.weight.copy_(torch.stack([axis, -axis]))
        middle = axis @ (red + blue) / 2
        dense.bias.copy_(torch.stack([-middle, middle]))
    save_weights(path, net.genotype, net.state_dict(), {"class_names": CLASSES})
    return path
