"""What is trained, how fast, and what is left alone."""

import math
from itertools import pairwise
from pathlib import Path

import pytest
import torch

import port
from port.errors import InputError
from tests.train.tiny import ALONE, TINY, engine, tiny_config
from train.average import make_average
from train.config import Config
from train.data.videos import VideoSet
from train.mixup import mix, one_hot
from train.optim import make_optimizer, parameter_groups, set_learning_rate, set_training_mode
from train.schedule import learning_rate
from train.trainer import Trainer


def test_norms_and_biases_do_not_decay_and_lower_blocks_learn_slower() -> None:
    net = port.create_model(TINY, 5)
    groups = parameter_groups(net, layer_decay=0.5, weight_decay=0.1)
    of = {id(p): group for group in groups for p in group["params"]}
    assert len(of) == len(list(net.parameters()))
    for name, parameter in net.named_parameters():
        group = of[id(parameter)]
        plain = name.endswith("bias") or "norm" in name
        assert group["weight_decay"] == (0.0 if plain else 0.1), name
        depth = 3 if name.startswith("head") else int(name.split(".")[1])
        assert group["scale"] == 0.5 ** (3 - depth), name
    optimizer = make_optimizer(net, Config(layer_decay=0.5))
    set_learning_rate(optimizer, 0.8)
    assert {round(group["lr"], 6) for group in optimizer.param_groups} == {0.8, 0.4, 0.2, 0.1}


@pytest.mark.parametrize(
    ("settings", "still", "norms_still"),
    [
        ({}, (), ()),
        ({"freeze_stages": 2}, ("blocks.0", "blocks.1"), ("blocks.0", "blocks.1")),
        ({"freeze_stages": -1}, ("blocks",), ("blocks",)),
        ({"freeze_norm": True}, (), ("blocks",)),
    ],
    ids=["nothing", "two stages", "backbone", "statistics"],
)
def test_what_is_frozen_stays_to_the_bit(
    settings: dict[str, object],
    still: tuple[str, ...],
    norms_still: tuple[str, ...],
    videos: VideoSet,
    tmp_path: Path,
) -> None:
    config = tiny_config(tmp_path, epochs=1, average=0.0, batch_size=6, **settings)
    training = engine(config, videos, tmp_path)
    net = training.trainer.net
    before = {name: value.clone() for name, value in net.state_dict().items()}
    assert training.train()
    for name, value in net.state_dict().items():
        fixed = norms_still if "running" in name else still
        assert before[name].equal(value) == name.startswith(fixed or "none"), name


def test_more_stages_than_there_are_is_refused() -> None:
    net = port.create_model(TINY, 5)
    with pytest.raises(InputError, match="freeze_stages=4: the net has 3"):
        set_training_mode(net, Config(freeze_stages=4))


def test_norms_are_synchronised_on_gpus_only() -> None:
    with pytest.raises(InputError, match="freeze_norm"):
        Trainer(port.create_model(TINY, 5), Config(sync_norm=True), ALONE)


def test_the_rate_rises_in_a_line_and_falls_along_a_cosine() -> None:
    rates = [learning_rate(step, 110, 10, peak=2.0, final=0.1) for step in range(110)]
    assert rates[0] == pytest.approx(0.2)
    assert rates[9] == rates[10] == pytest.approx(2.0)
    assert rates[60] == pytest.approx((2.0 + 0.2) / 2)
    assert rates[109] == pytest.approx(0.2, rel=0.01)
    assert all(a >= b for a, b in pairwise(rates[10:]))
    assert all(math.isfinite(learning_rate(step, 5, 10, 1.0)) for step in range(20))


def test_the_average_is_the_sum_it_is_defined_as() -> None:
    net = port.create_model(TINY, 5)
    average = make_average(net, 0.6)
    expected = net.head.dense.weight.detach().clone()
    for step in range(1, 8):
        with torch.no_grad():
            net.head.dense.weight.add_(step)
        average.update_parameters(net)
        decay = min(0.6, (1 + step) / (10 + step))
        expected = decay * expected + (1 - decay) * net.head.dense.weight.detach()
    torch.testing.assert_close(average.module.head.dense.weight.detach(), expected)


def test_mixed_clips_and_labels_go_in_one_proportion() -> None:
    torch.manual_seed(0)
    labels = torch.arange(6)
    clips = one_hot(labels, 6)[:, :3, None, None, None] * torch.ones(1, 1, 2, 2, 2)
    mixed, targets = mix(clips, one_hot(labels, 6), alpha=1.0)
    assert torch.allclose(mixed[:, :, 0, 0, 0], targets[:, :3])
    assert torch.allclose(targets.sum(1), torch.ones(6))
    assert not torch.equal(mixed, clips)
    assert mix(clips, targets, 0.0)[0] is clips


def test_parts_of_a_step_add_up_to_the_whole(videos: VideoSet, tmp_path: Path) -> None:
    """Accumulation gives the gradients of the whole batch where clips do not see each other."""
    settings = {"mixup": 0.0, "freeze_norm": True, "drop_rate": 0.0, "average": 0.0, "epochs": 1}
    ends = []
    for parts in (1, 2):
        run = tmp_path / str(parts)
        training = engine(tiny_config(tmp_path, accumulate=parts, **settings), videos, run)
        assert training.train()
        ends.append(training.trainer.net.state_dict())
    for name, value in ends[0].items():
        torch.testing.assert_close(value, ends[1][name], rtol=1e-5, atol=1e-6, msg=name)
