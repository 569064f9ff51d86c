"""The code paths meant for GPUs, run as they are on the CPU."""

from pathlib import Path
from typing import Any

import pytest
import torch

from tests.train.tiny import ALONE, assert_same_bits, engine, stop_after, tiny_config
from train.config import Config
from train.data.videos import VideoSet
from train.start import start
from train.trainer import Trainer, laid_out


def travelled(videos: VideoSet, folder: Path, **settings: Any) -> torch.Tensor:
    """How far a short run moves the weights, as one vector."""
    usual = {"epochs": 2, "mixup": 0.0, "average": 0.0, "drop_rate": 0.0}
    training = engine(tiny_config(folder, **usual | settings), videos, folder)
    parameters = training.trainer.net.parameters
    before = torch.cat([p.detach().flatten().clone() for p in parameters()])
    assert training.train()
    assert all(p.dtype == torch.float32 for p in parameters())
    return torch.cat([p.detach().flatten() for p in parameters()]) - before


@pytest.mark.parametrize(
    ("settings", "tolerance"),
    [
        ({"channels_last": True}, 1e-3),
        ({"precision": "bf16"}, 0.2),
        ({"precision": "fp16"}, 0.05),
        ({"precision": "bf16", "channels_last": True}, 0.2),
        pytest.param({"compile": True}, 1e-3, marks=pytest.mark.slow),
    ],
    ids=lambda value: "-".join(map(str, value)) if isinstance(value, dict) else "",
)
def test_another_arithmetic_goes_nearly_the_same_way(
    settings: dict[str, Any], tolerance: float, videos: VideoSet, tmp_path: Path
) -> None:
    for name in ("plain", "other"):
        (tmp_path / name).mkdir()
    plain = travelled(videos, tmp_path / "plain")
    other = travelled(videos, tmp_path / "other", **settings)
    assert not torch.equal(plain, other)
    assert float((other - plain).norm() / plain.norm()) < tolerance


def test_fp16_scales_its_gradients_and_goes_on_with_that_scale(
    videos: VideoSet, tmp_path: Path
) -> None:
    """GradScaler works on the CPU too: an overflow halves the scale and skips the step."""
    config = tiny_config(tmp_path, precision="fp16", epochs=2)
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    training = engine(config, videos, whole)
    assert training.trainer.scaler.is_enabled()
    assert training.train()
    assert training.trainer.scaler.get_scale() > 1
    assert not engine(config, videos, broken, stopping=stop_after(3)).train()
    assert engine(config, videos, broken).train()
    assert_same_bits(broken, whole)


def test_an_overflow_in_fp16_skips_the_update() -> None:
    config = Config(model="small", image_size=16, precision="fp16", lr=0.1)
    trainer = Trainer(start(config, ["a", "b"]).net, config, ALONE)
    before = {name: p.clone() for name, p in trainer.net.named_parameters()}
    for parameter in trainer.net.parameters():
        parameter.grad = torch.full_like(parameter, torch.inf)
    scale = trainer.scaler.get_scale()
    trainer.scaler.scale(torch.zeros(()))  # as a loss would, which makes the scale exist
    trainer.update()
    assert trainer.scaler.get_scale() < max(scale, 65536.0)
    assert all(before[name].equal(p) for name, p in trainer.net.named_parameters())


def test_channels_last_reaches_the_first_convolution() -> None:
    config = Config(model="small", channels_last=True)
    net = start(config, ["a", "b"]).net
    seen: list[torch.Tensor] = []
    net.streams[0].register_forward_hook(lambda _m, _x, out: seen.append(out))
    net.eval()(laid_out(torch.rand(2, 3, 8, 64, 64), config))
    assert seen[0].is_contiguous(memory_format=torch.channels_last)
