"""`create_model` and the habits of timm: names, weights, heads, modes and what is refused."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from torch import nn

import port
from port import Genotype, InputError, TinyVideoNet, create_model, save_weights
from tests.port.nets import (
    SMALL,
    small_clips,
    small_genotype,
    small_net,
    small_state_dict,
)
from tests.strategies import genotypes

NAMES = ["tvn1", "tvn2", "tvn3", "tvn4", "tvn_mobile_1", "tvn_mobile_2"]


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    """The small net's weights, for five classes."""
    path = tmp_path / "small.safetensors"
    save_weights(path, small_genotype(), small_state_dict())
    return path


def test_the_published_names_are_listed_and_built() -> None:
    assert port.list_models() == NAMES
    with torch.device("meta"):
        for name in NAMES:
            net = create_model(name)
            assert net.num_classes == 50 and net.genotype == Genotype.load(name)


def test_every_way_to_say_which_net_means_the_same(tmp_path: Path) -> None:
    path = tmp_path / "small.json"
    path.write_text(json.dumps(SMALL))
    for model in (path, str(path), SMALL, small_genotype()):
        assert create_model(model, 5).genotype == small_genotype()


def test_weights_bring_their_classes(weights: Path) -> None:
    net = create_model(SMALL, weights=weights).eval()
    assert net.num_classes == 5
    logits = net(small_clips())
    assert torch.equal(create_model(SMALL, 5, weights).eval()(small_clips()), logits)
    assert logits.shape == (2, 5) and logits.std() > 0


def test_other_classes_keep_all_but_the_classifier(weights: Path) -> None:
    net = create_model(SMALL, 7, weights).eval()
    assert net(small_clips()).shape == (2, 7)
    for key, tensor in net.state_dict().items():
        if not key.startswith("head."):
            assert torch.equal(tensor, small_state_dict()[key]), key
    assert not net.get_classifier().bias.any()


def test_weights_can_be_trained_on(weights: Path) -> None:
    net = create_model(SMALL, 7, weights).train()
    net(small_clips()).sum().backward()
    assert all(p.grad is not None and not p.is_meta for p in net.parameters())


@pytest.mark.parametrize("max_pool", [False, True])
def test_features_and_head_make_the_net(max_pool: bool) -> None:
    net = create_model(SMALL, 5, max_pool_predictions=max_pool).eval()
    features = net.forward_features(small_clips())
    assert features.shape[:3] == (2, net.num_features, net.out_frames)
    assert torch.equal(net.forward_head(features), net(small_clips()))
    pooled = net.forward_head(features, pre_logits=True)
    assert pooled.shape == (2, *([net.out_frames] if max_pool else []), net.num_features)


def test_a_new_classifier_keeps_type_and_features() -> None:
    net = create_model(SMALL, 5).double().eval()
    features = net.forward_features(small_clips().double())
    net.reset_classifier(3)
    assert net.num_classes == net.default_cfg["num_classes"] == 3
    assert net.get_classifier().weight.dtype == torch.float64
    assert torch.equal(net.forward_features(small_clips().double()), features)
    assert net(small_clips().double()).shape == (2, 3)
    with pytest.raises(InputError, match="num_classes is -1"):
        net.reset_classifier(-1)


def test_default_cfg_says_what_to_feed_and_names_the_classifier() -> None:
    net = create_model(SMALL, 5)
    wanted = {"num_frames": 4, "frame_stride": 2, "image_size": 16, "input_size": (3, 4, 16, 16)}
    assert wanted.items() <= net.default_cfg.items()
    assert net.get_submodule(net.default_cfg["classifier"]) is net.get_classifier()


def test_dropout_acts_in_training_alone() -> None:
    net = create_model(SMALL, 5, drop_rate=0.5)
    net.load_state_dict(small_state_dict())
    features = net.eval().forward_features(small_clips())
    assert torch.equal(net.forward_head(features), net.forward_head(features))
    net.train()
    assert not torch.equal(net.forward_head(features), net.forward_head(features))
    assert [m.p for m in net.modules() if isinstance(m, nn.Dropout)] == [0.5]
    without = create_model(SMALL, 5, drop_rate=0.0).train()
    assert torch.equal(without.forward_head(features), without.forward_head(features))


@pytest.mark.parametrize(
    ("shape", "said"),
    [
        ((2, 3, 3, 16, 16), "clips of 4 frames, got 3.*num_frames=3"),
        ((2, 3, 5, 16, 16), "clips of 4 frames, got 5.*num_frames=5"),
        ((2, 4, 3, 16, 16), r"expected \[B, 3, T, H, W\], got \[2, 4, 3, 16, 16\]"),
        ((2, 16, 16, 3), r"expected \[B, 3, T, H, W\]"),
        ((0, 3, 4, 16, 16), r"expected \[B, 3, T, H, W\]"),
        ((2, 3, 4, 0, 16), r"expected \[B, 3, T, H, W\]"),
    ],
)
def test_a_wrong_shape_is_answered_with_the_mend(shape: tuple[int, ...], said: str) -> None:
    with pytest.raises(InputError, match=said):
        small_net()(torch.zeros(shape))


def test_frames_and_sizes_other_than_the_genotypes() -> None:
    net = create_model(SMALL, 5, num_frames=6).eval()
    assert net.default_cfg["num_frames"] == 6
    assert net(torch.rand(1, 3, 6, 9, 23)).shape == (1, 5)


def test_a_net_with_streams_cuts_longer_clips_itself() -> None:
    blocks: list[dict[str, Any]] = [{**block, "inputs": [0]} for block in SMALL["blocks"][:1]]
    stream = {"num_frames": 2, "frame_stride": 1, "image_size": 16}
    net = create_model({"input_streams": [stream], "blocks": blocks}, 5).eval()
    clips = small_clips(frames=4)
    assert torch.equal(net(clips), net(clips[:, :, :2]))
    with pytest.raises(InputError, match="clips of 2 frames, got 1"):
        net(clips[:, :, :1])


@settings(max_examples=50)
@given(genotype=genotypes())
def test_state_dicts_hold_nothing_that_tensorflow_has_not(genotype: Genotype) -> None:
    with torch.device("meta"):
        try:
            net = TinyVideoNet(genotype, 2)
        except InputError:
            return
    assert not any("num_batches_tracked" in key for key in net.state_dict())
    assert len(net.state_dict()) == len(port.convert.names.table(genotype, 2))
