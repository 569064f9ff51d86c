"""What an exported file is: checked, described, open in its batch, and the same function."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

import port
import port.convert.names
from port.export import OPSET, to_onnx, value_names
from tests.verify.nets import EVERY_LAYER
from verify.numerics.probes import probe_variables, probe_video

onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")


def make_net(genotype: port.Genotype, max_pool: bool = False) -> port.TinyVideoNet:
    """A net on probe weights, which keep magnitudes level."""
    rows = port.convert.names.table(genotype, 7)
    variables = probe_variables({row.tf_name: row.tf_shape for row in rows}, seed=1)
    net = port.create_model(genotype, 7, max_pool_predictions=max_pool)
    net.load_state_dict(port.state_dict_from_tf(variables, genotype))
    return net.eval()


def assert_same(path: Path, net: port.TinyVideoNet, shapes: list[tuple[int, int, int]]) -> None:
    """ONNX Runtime gives the net's logits for clips of every (batch, height, width).

    In float32 it may be as far from float64 as four times the port's own float32 is, in the worst
    of the shapes: one clip's rounding is one draw, and may be a lucky one.
    """
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    errors: dict[tuple[int, int, int], float] = {}
    granted = 8 * np.finfo(np.float32).eps
    allowed = granted
    for batch, height, width in shapes:
        video = probe_video(batch, net.genotype.clip.num_frames, height, width, seed=batch)
        clips = np.ascontiguousarray(np.moveaxis(video, -1, 1))
        (found,) = session.run(["logits"], {"video": clips})
        with torch.inference_mode():
            wanted = net.double()(torch.from_numpy(clips).double()).numpy()
            own = net.float()(torch.from_numpy(clips)).numpy()
        scale = np.abs(wanted).max()
        errors[batch, height, width] = float(np.abs(found - wanted).max() / scale)
        allowed = max(allowed, float(4 * np.abs(own - wanted).max() / scale) + granted)
    assert max(errors.values()) <= allowed, errors


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("onnx") / "net.onnx"
    about = {"class_names": list("abcdefg"), "source_sha256": "5a"}
    port.export_onnx(make_net(EVERY_LAYER), path, height=24, width=31, about=about)
    return path


def test_any_batch_gives_the_nets_logits(exported: Path) -> None:
    assert_same(exported, make_net(EVERY_LAYER), [(batch, 24, 31) for batch in range(1, 6)])


def test_file_says_what_to_feed_and_what_comes_out(exported: Path) -> None:
    model = onnx.load(exported)
    onnx.checker.check_model(model, full_check=True)
    assert [item.version for item in model.opset_import if item.domain == ""] == [OPSET]
    facts = {item.key: item.value for item in model.metadata_props}
    assert json.loads(facts["class_names"]) == list("abcdefg")
    assert (facts["num_frames"], facts["frame_stride"], facts["image_size"]) == ("4", "2", "24")
    assert facts["value_range"] == "[0.0, 1.0]" and facts["layout"].startswith("[batch, 3, frames")
    assert port.Genotype.from_json(facts["genotype"]) == EVERY_LAYER
    assert json.loads(facts["about"]) == {"source_sha256": "5a"}
    assert [item.name for item in model.graph.input] == ["video"]
    assert [item.name for item in model.graph.output] == ["logits"]


def test_every_tap_is_a_value_and_nothing_tells_of_this_machine(exported: Path) -> None:
    model = onnx.load(exported)
    values = {name for node in model.graph.node for name in node.output}
    assert set(value_names(make_net(EVERY_LAYER)).values()) <= values
    assert b"/site-packages/" not in exported.read_bytes()
    assert str(Path.cwd()).encode() not in exported.read_bytes()


def test_height_and_width_may_be_left_open(tmp_path: Path) -> None:
    """A short net: the arithmetic of shapes is what takes the exporter long."""
    blocks = EVERY_LAYER.to_dict()["blocks"][:2]
    genotype = port.Genotype.from_dict(EVERY_LAYER.to_dict() | {"blocks": blocks})
    net, path = make_net(genotype), tmp_path / "net.onnx"
    port.export_onnx(net, path, dynamic_size=True)
    assert_same(path, net, [(1, 24, 24), (2, 24, 31), (3, 33, 17), (1, 57, 57), (5, 16, 40)])


def test_a_net_that_resizes_its_input_keeps_its_size_fixed() -> None:
    net = port.create_model("tvn_mobile_1")
    with pytest.raises(port.InputError, match="--dynamic_size"):
        to_onnx(net, dynamic_size=True)


def test_without_onnx_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(port.InputError, match=r"pip install 'tvn-port\[onnx\]'"):
        to_onnx(make_net(EVERY_LAYER))


def test_what_cannot_be_exported_leaves_no_file(tmp_path: Path) -> None:
    with pytest.raises(port.InputError, match=r"missing/net\.onnx"):
        port.export_onnx(make_net(EVERY_LAYER), tmp_path / "missing" / "net.onnx")
    with pytest.raises(port.InputError):
        port.export_onnx(port.create_model("tvn_mobile_1"), tmp_path / "n.onnx", dynamic_size=True)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
@pytest.mark.parametrize("model", port.list_models())
@pytest.mark.parametrize("size", [(40, 48), (33, 57)])
def test_published_nets(model: str, size: tuple[int, int], tmp_path: Path) -> None:
    net, path = make_net(port.Genotype.load(model)), tmp_path / "net.onnx"
    port.export_onnx(net, path, height=size[0], width=size[1])
    onnx.checker.check_model(onnx.load(path), full_check=True)
    assert_same(path, net, [(batch, *size) for batch in (1, 2, 5)])
