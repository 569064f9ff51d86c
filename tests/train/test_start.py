"""Fine-tuning starts from the weights it was given, and only from verified ones."""

import json
import math
from dataclasses import replace
from pathlib import Path

import pytest
import torch

import port
from tests.certificates import certify
from tests.train.tiny import TINY, engine, stop_after, tiny_config
from train.config import Config
from train.data.videos import VideoSet
from train.presets import PRESETS
from train.run import Run
from train.start import genotype_of, start


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Weights as conversion leaves them, of another data set; features far from small."""
    path = tmp_path_factory.mktemp("weights") / "w.safetensors"
    torch.manual_seed(3)
    net = port.create_model(TINY, 400)
    for module in net.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_mean.uniform_(-1, 1)  # type: ignore[union-attr]
            module.running_var.uniform_(0.2, 3)  # type: ignore[union-attr]
            torch.nn.init.uniform_(module.weight, 1, 4)
    port.save_weights(path, TINY, net.state_dict())
    certify(path, TINY)
    return path


CLASSES = [f"class {i}" for i in range(50)]


def test_only_the_classifier_differs(weights: Path) -> None:
    begun = start(Config(), CLASSES, weights)
    before = port.load_weights(weights).state_dict
    after = begun.net.state_dict()
    changed = {name for name in before if not before[name].equal(after[name])}
    assert changed == {"head.dense.weight", "head.dense.bias"}
    clips = torch.rand(2, 3, 4, 16, 16)
    with torch.no_grad():
        ours = begun.net.eval().forward_features(clips)
        theirs = port.create_model(TINY, weights=weights).eval().forward_features(clips)
    assert torch.equal(ours, theirs)
    assert begun.origin["classifier"] == "new"
    assert begun.origin["verification"]["verified"] is True


def test_the_first_loss_is_that_of_no_knowledge(weights: Path) -> None:
    net = start(Config(), CLASSES, weights).net.train()
    labels = torch.arange(32) % 50
    loss = torch.nn.functional.cross_entropy(net(torch.rand(32, 3, 4, 16, 16)), labels)
    assert loss.item() == pytest.approx(math.log(50), rel=0.05)


def test_a_run_begins_with_those_weights(weights: Path, videos: VideoSet, tmp_path: Path) -> None:
    """What is on disk at epoch 0, and what the first step says."""
    config = tiny_config(tmp_path, model="", average=0.0, log_every=1)
    training = engine(config, videos, tmp_path, weights=weights, stopping=stop_after(1))
    assert not training.train()
    first = json.loads((tmp_path / "metrics.jsonl").read_text().splitlines()[0])
    assert first["loss"] == pytest.approx(math.log(3), rel=0.05)
    # The run's `last` weights are still those of epoch 0.
    features = [
        port.create_model(TINY, weights=path).eval().forward_features(torch.ones(1, 3, 4, 16, 16))
        for path in (weights, Run.open(tmp_path).weights("last"))
    ]
    assert torch.equal(*features)
    assert port.load_weights(tmp_path / "last.safetensors").about["class_names"] == list(
        videos.class_names
    )


def test_the_same_classes_keep_their_classifier(weights: Path, tmp_path: Path) -> None:
    loaded = port.load_weights(weights)
    own = tmp_path / "own.safetensors"
    names = [str(i) for i in range(400)]
    port.save_weights(own, TINY, loaded.state_dict, {"class_names": names})
    begun = start(Config(), names, own, allow_unverified=True)
    assert begun.origin["classifier"] == "kept"
    assert begun.net.get_classifier().weight.equal(loaded.state_dict["head.dense.weight"])


def test_unverified_weights_are_refused_or_recorded(weights: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.safetensors"
    other.write_bytes(weights.read_bytes())
    with pytest.raises(port.InputError, match="not verified"):
        start(Config(), CLASSES, other)
    record = start(Config(), CLASSES, other, allow_unverified=True).origin
    assert record["verification"]["verified"] is False
    scratch = start(Config(model="small"), CLASSES).origin
    assert scratch["verification"] == {"verified": False, "reason": "trained from scratch"}


def test_weights_verified_as_those_of_another_net_are_refused(
    weights: Path, tmp_path: Path
) -> None:
    own = tmp_path / "own.safetensors"
    own.write_bytes(weights.read_bytes())
    certify(own, replace(TINY, frame_stride=TINY.clip.frame_stride + 1))
    with pytest.raises(port.InputError, match=r"another net .*\(frame_stride 3 instead of 2\)"):
        start(Config(), CLASSES, own)


def test_weights_of_another_net_are_refused(weights: Path) -> None:
    with pytest.raises(port.InputError, match="another net"):
        start(Config(model="tvn1"), CLASSES, weights)
    with pytest.raises(port.InputError, match="--model or --weights"):
        start(Config(), CLASSES)


def test_clips_can_be_longer_or_larger_than_the_nets_own() -> None:
    config = Config(model="small", num_frames=4, frame_stride=3, image_size=32)
    clip = start(config, CLASSES).net.genotype.clip
    assert (clip.num_frames, clip.frame_stride, clip.image_size) == (4, 3, 32)


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_names_a_net(name: str) -> None:
    assert genotype_of(PRESETS[name], None).blocks
