"""What people who know timm try on a net: heads, channels, feature maps, checkpointing, tracing."""

import copy
import re
import warnings
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import port
from port import Genotype, InputError, create_model, save_weights
from port.convert.weights import load_weights
from port.layers import BatchNorm
from tests.port.nets import SMALL, small_clips, small_genotype, small_state_dict

BLOCK = SMALL["blocks"][0]
# Two streams; the second block reads the other one, the last reads the first block.
STREAMS: dict[str, Any] = {
    "input_streams": [{"num_frames": 4, "frame_stride": 1, "image_size": size} for size in (16, 8)],
    "blocks": [{**BLOCK, "inputs": [index]} for index in (0, 1, 2)],
}


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    """The small net's weights, for five classes."""
    path = tmp_path / "small.safetensors"
    save_weights(path, small_genotype(), small_state_dict())
    return path


def test_the_package_says_its_version() -> None:
    assert re.match(r"\d", port.__version__) and "__version__" in dir(port)


@pytest.mark.parametrize("by_frame", [False, True])
@pytest.mark.parametrize("pool", ["avg", "max"])
def test_without_classes_the_net_gives_features(weights: Path, pool: str, by_frame: bool) -> None:
    options: dict[str, Any] = {"max_pool_predictions": by_frame, "global_pool": pool}
    net = create_model(SMALL, 0, weights, **options).eval()
    assert isinstance(net.get_classifier(), nn.Identity)
    features, clips = net(small_clips()), small_clips()
    assert features.shape == (2, net.num_features)
    reset = create_model(SMALL, weights=weights, **options).eval()
    logits = reset(clips)
    reset.reset_classifier(0)
    assert reset.num_classes == reset.pretrained_cfg["num_classes"] == 0
    assert torch.equal(reset(clips), features)
    if not by_frame:
        dense = [
            load_weights(weights).state_dict[f"head.dense.{key}"] for key in ("weight", "bias")
        ]
        assert torch.equal(nn.functional.linear(features, *dense), logits)
        assert torch.equal(net.forward_head(net.forward_features(clips), pre_logits=True), features)
    reset.reset_classifier(3)
    assert reset(clips).shape == (2, 3) and reset.global_pool == pool


def test_the_pools_are_what_they_are_called(weights: Path) -> None:
    clips = small_clips()
    by_pool = {p: create_model(SMALL, 0, weights, global_pool=p).eval() for p in ("avg", "max", "")}
    features = by_pool[""].forward_features(clips)
    assert torch.equal(by_pool[""](clips), features) and features.ndim == 5
    assert torch.allclose(by_pool["avg"](clips), features.mean((2, 3, 4)), atol=1e-6)
    assert torch.equal(by_pool["max"](clips), features.amax((2, 3, 4)))
    by_pool[""].reset_classifier(4, "max")
    assert by_pool[""](clips).shape == (2, 4)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"num_classes": 5, "global_pool": ""}, "give num_classes=0"),
        ({"global_pool": "catavgmax"}, "must be 'avg', 'max' or ''"),
        ({"num_classes": -1}, "num_classes is -1"),
        ({"in_chans": 0}, "in_chans is 0"),
        ({"out_indices": (0,)}, "features_only=True"),
        ({"features_only": True, "out_indices": (3,)}, "block 3: the net has 3, 0 to 2"),
        ({"features_only": True, "out_indices": ()}, "no block"),
        ({"features_only": True, "out_indices": 4}, "last 4 blocks: the net has 3"),
    ],
)
def test_what_does_not_go_together_is_refused_in_a_line(
    options: dict[str, Any], said: str, weights: Path
) -> None:
    for given in (None, weights):
        with pytest.raises(InputError, match=said) as refused:
            create_model(SMALL, weights=given, **options)
        assert "\n" not in str(refused.value)


@pytest.mark.parametrize("model", [SMALL, STREAMS])
def test_other_channels_take_the_kept_weights(model: dict[str, Any], tmp_path: Path) -> None:
    genotype = Genotype.from_dict(model)
    coloured = create_model(model, 5).eval()
    path = tmp_path / "coloured.safetensors"
    save_weights(path, genotype, coloured.state_dict())
    clips = small_clips().double()
    wanted = coloured.double()(clips.mean(1, keepdim=True).expand(clips.shape))
    for channels in (1, 2, 5, 6):
        net = create_model(model, weights=path, in_chans=channels).double().eval()
        assert net.default_cfg["input_size"] == (channels, *coloured.default_cfg["input_size"][1:])
        if channels in (1, 6):  # where the colours count alike, grey is grey
            grey = clips.mean(1, keepdim=True).repeat(1, channels, 1, 1, 1)
            assert torch.allclose(net(grey), wanted, rtol=1e-6)
        assert net(torch.rand(1, channels, 4, 16, 16, dtype=torch.float64)).shape == (1, 5)
        with pytest.raises(InputError, match=rf"expected \[B, {channels}, T, H, W\]"):
            net(clips)


def test_repeated_channels_are_scaled(weights: Path) -> None:
    first = next(key for key, t in small_state_dict().items() if t.ndim == 4 and t.shape[1] == 3)
    kept = small_state_dict()[first]
    changed = create_model(SMALL, weights=weights, in_chans=4).state_dict()[first]
    assert torch.equal(changed, kept[:, [0, 1, 2, 0]] * (3 / 4))


@pytest.mark.parametrize("model", [SMALL, STREAMS])
def test_feature_maps_are_as_feature_info_says(model: Any) -> None:
    net = create_model(model, 5).eval()
    x = torch.rand(2, *net.default_cfg["input_size"])
    with torch.no_grad():
        features, maps = net.forward_intermediates(x)
        _, taps = port.capture(net, x)
        assert torch.equal(features, net.forward_features(x)) and len(maps) == len(net.blocks)
        for index, (info, one) in enumerate(zip(net.feature_info, maps, strict=True)):
            repeats = net.genotype.blocks[index].repeats
            tap = taps[f"Block-{index}-{repeats - 1}"]
            assert torch.equal(one.transpose(1, 2).flatten(0, 1), tap)
            assert one.shape[1:3] == (info["num_chs"], info["num_frames"])
            stream = 8 if model is STREAMS and index == 1 else x.shape[-1]
            assert one.shape[-1] == -(-stream // info["reduction"])
            assert net.get_submodule(info["module"]) is net.blocks[index]


def test_intermediates_are_given_as_asked() -> None:
    net, x = create_model(SMALL, 5).eval(), small_clips()
    features, every = net.forward_intermediates(x)
    for indices, wanted in ((2, [1, 2]), ([-1, 0], [2, 0]), ((1,), [1])):
        maps = net.forward_intermediates(x, indices, intermediates_only=True)
        assert all(torch.equal(m, every[i]) for m, i in zip(maps, wanted, strict=True))
    last, _ = net.forward_intermediates(x, (0, 1), stop_early=True)
    assert torch.equal(last, every[1]) and torch.equal(features, every[2])


def test_features_only_gives_the_maps_and_drops_what_is_behind(weights: Path) -> None:
    net = create_model(SMALL, weights=weights, features_only=True, out_indices=(1, 0)).eval()
    whole = create_model(SMALL, weights=weights).eval()
    maps = whole.forward_intermediates(small_clips(), (1, 0), intermediates_only=True)
    given = net(small_clips())
    assert all(torch.equal(one, other) for one, other in zip(given, maps, strict=True))
    info = net.feature_info
    assert info.out_indices == (1, 0) and len(info) == 3
    assert info.channels() == [m.shape[1] for m in maps] and info.channels(2) == whole.num_features
    assert info.reduction([0, 1]) == [2, 4] and info.module_name() == ["blocks.1", "blocks.0"]
    assert info.get_dicts(["reduction"], 0) == {"reduction": info[0]["reduction"]}
    sum(m.sum() for m in net.train()(small_clips())).backward()
    assert all(p.grad is not None for p in net.parameters())


def trained(net: port.TinyVideoNet, x: Tensor) -> tuple[int, dict[str, Tensor]]:
    """Of a training step: how much autograd keeps, in numbers, the gradients and the buffers."""
    kept = 0

    def pack(tensor: Tensor) -> Tensor:
        nonlocal kept
        kept += tensor.numel()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        logits = net(x)
    (logits * torch.arange(logits.numel()).view_as(logits)).sum().backward()
    gradients = {f"{key}.grad": p.grad for key, p in net.named_parameters() if p.grad is not None}
    return kept, {**gradients, **dict(net.named_buffers()), "logits": logits}


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("model", [SMALL, STREAMS])
def test_checkpointing_changes_no_bit(model: dict[str, Any], training: bool) -> None:
    plain = create_model(model, 5, drop_rate=0.0).double().train(training)
    saving = copy.deepcopy(plain)
    saving.set_grad_checkpointing()
    x = small_clips().double()
    more, wanted = trained(plain, x)
    less, found = trained(saving, x)
    assert wanted.keys() == found.keys()
    assert [key for key in wanted if not torch.equal(wanted[key], found[key])] == []
    assert less < more / 3
    norm = next(m for m in plain.modules() if isinstance(m, BatchNorm))
    assert norm.running_mean is not None and norm.running_mean.any() == training
    saving.set_grad_checkpointing(False)
    assert trained(saving, x)[0] == more


def test_layer_groups_go_from_block_to_block() -> None:
    net = create_model(SMALL, 5)
    for coarse, wanted in ((True, 3), (False, 6)):
        pattern = re.compile(net.group_matcher(coarse=coarse)["blocks"])
        matches = {name: pattern.match(name) for name, _ in net.named_parameters()}
        groups = {match.groups() for match in matches.values() if match}
        assert len(groups) == wanted
        assert [name for name, match in matches.items() if not match] == [
            "head.dense.weight",
            "head.dense.bias",
        ]
    assert net.no_weight_decay() == set() and net.pretrained_cfg == net.default_cfg


@pytest.mark.parametrize("model", [SMALL, STREAMS])
def test_a_traced_net_computes_the_same_also_at_other_sizes(model: dict[str, Any]) -> None:
    net = create_model(model, 5).double().eval()
    net.set_grad_checkpointing()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of shapes that are checked
        traced = torch.jit.trace(net, small_clips().double(), check_trace=False)
    for shape in ((2, 3, 4, 16, 16), (3, 3, 4, 16, 16), (1, 3, 4, 23, 9)):
        if model is STREAMS and shape[-1] != 16:  # its resizing belongs to the size
            continue
        x = torch.rand(shape, dtype=torch.float64)
        assert torch.allclose(traced(x), net(x), rtol=1e-12, atol=0)


@pytest.mark.parametrize("dtype", [torch.uint8, torch.int64, torch.bool])
def test_clips_of_whole_numbers_are_refused(dtype: torch.dtype) -> None:
    with pytest.raises(InputError, match=rf"got {dtype}; of uint8: clips.float\(\) / 255"):
        create_model(SMALL, 5)(torch.zeros(1, 3, 4, 16, 16, dtype=dtype))


@pytest.mark.parametrize("options", [{"in_chans": 1}, {"num_classes": 0}, {"global_pool": "max"}])
def test_such_nets_are_optimized_too(options: dict[str, Any]) -> None:
    net = create_model(SMALL, **options).eval()
    net.set_grad_checkpointing()
    x = torch.rand(2, net.in_chans, 4, 16, 16)
    fast = port.optimize(net)
    assert torch.allclose(fast(x), net(x), atol=1e-5)
    for one, other in zip(
        fast.forward_intermediates(x)[1], net.forward_intermediates(x)[1], strict=True
    ):
        assert torch.allclose(one, other, atol=1e-5)


def test_another_nets_weights_are_named_in_a_short_line(weights: Path) -> None:
    with pytest.raises(InputError, match=r"weights of an unpublished net, not of tvn1") as refused:
        create_model("tvn1", weights=weights)
    assert len(str(refused.value)) < 300
