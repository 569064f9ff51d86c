"""ONNX Runtime as a third side: right at every layer, and what is wrong is found at its own."""

from dataclasses import replace

import numpy as np
import pytest

import verify
from port import TinyVideoNet
from port.export import value_names
from port.taps import tapped_modules
from tests.verify.nets import EVERY_LAYER
from tests.verify.variants import SPEC, copy_of_port, judge
from verify.specs.spec import PortRunner
from verify.tvn.faults import Fault, named
from verify.tvn.variants import variant

onnx = pytest.importorskip("onnx")
reference = pytest.importorskip("onnx.reference")  # which `onnx` leaves to others
onnxruntime = pytest.importorskip("onnxruntime")
from verify.runners.onnx.float64 import express_in_float64  # noqa: E402
from verify.runners.onnx.graph import cut  # noqa: E402
from verify.runners.onnx.runner import OnnxRunner  # noqa: E402


@pytest.fixture
def net() -> TinyVideoNet:
    return copy_of_port()


def test_every_tap_passes_both_verdicts_accumulated_and_alone() -> None:
    report = judge("onnx")
    assert report.passed
    assert [tap.name for tap in report.taps] == list(tapped_modules(copy_of_port()))
    verdicts = [verdict for tap in report.taps for verdict in (tap.accumulated, tap.isolated)]
    assert 0 < max(v.function.relative for v in verdicts if v) < 1e-13
    assert "Conv" in report.about.remarks["float64"]


def test_whole_graph_passes_as_it_is_fused_with_the_other_head_too() -> None:
    spec = verify.layers_spec(
        verify.Subject(EVERY_LAYER, num_classes=7, width=31, max_pool_predictions=True)
    )
    report = verify.compare_layers(variant("onnx_whole", spec))
    assert report.passed
    assert [tap.name for tap in report.taps] == ["logits"]
    assert report.taps[0].isolated is None


@pytest.mark.parametrize(
    "fault",
    [named("padding on the other side"), named("padding counted in averages")],
    ids=lambda fault: fault.name,
)
def test_a_wrong_port_fails_at_the_layer_that_is_wrong(fault: Fault, net: TinyVideoNet) -> None:
    tap = fault.sites(net)[-1]
    with fault.planted(net, tap):
        report = judge("onnx", net)
    assert report.first_failure == tap
    assert [t.name for t in report.taps if not (t.isolated and t.isolated.passed)] == [tap]


def test_one_changed_weight_in_the_file_fails_at_its_layer() -> None:
    tap = "Block-1-0/STConvs/conv2d"
    spec = variant("onnx", SPEC)

    def port(precision: str) -> PortRunner:
        runner = spec.port(precision)
        assert isinstance(runner, OnnxRunner)
        if precision == "float32":  # as in a file that was damaged after the export
            change_a_weight(runner._model, value_names(copy_of_port())[tap])
        return runner

    report = verify.compare_layers(replace(spec, port=port))
    assert report.first_failure == tap
    assert [t.name for t in report.taps if not (t.isolated and t.isolated.passed)] == [tap]


def change_a_weight(model: object, value: str) -> None:
    """Change one weight, by a hundredth, of the convolution that computes `value`."""
    node = next(node for node in model.graph.node if value in node.output)
    weight = next(item for item in model.graph.initializer if item.name == node.input[1])
    array = onnx.numpy_helper.to_array(weight).copy()
    array.reshape(-1)[0] += 0.01 * np.abs(array).max()
    weight.CopyFrom(onnx.numpy_helper.from_array(array, weight.name))


CONVOLUTIONS = {
    "strided and padded": {"strides": [2, 3], "pads": [1, 0, 2, 1]},
    "depthwise": {"group": 4, "strides": [2, 1]},
}


@pytest.mark.parametrize("attributes", CONVOLUTIONS.values(), ids=CONVOLUTIONS)
def test_a_convolution_written_out_is_the_convolution(attributes: dict[str, object]) -> None:
    """Against onnx's own reference implementation."""
    random = np.random.default_rng(0)
    x = random.normal(size=(2, 4, 9, 8))
    weight = random.normal(size=(4, 1 if "group" in attributes else 4, 3, 2))
    model = one_node("Conv", x, {"w": weight, "b": random.normal(size=4)}, **attributes)
    assert_same_when_written_out(model, x)


def test_average_and_resize_written_out_are_the_same() -> None:
    x = np.random.default_rng(0).normal(size=(2, 3, 9, 8))
    attributes = {"kernel_shape": [3, 2], "strides": [2, 1]}
    assert_same_when_written_out(one_node("AveragePool", x, {}, **attributes), x)
    for size in ((5, 13), (9, 3), (18, 8)):
        sizes = np.array([2, 3, *size])
        model = one_node(
            "Resize", x, {"": None, " ": None, "s": sizes}, size, mode="linear",
            coordinate_transformation_mode="pytorch_half_pixel",
        )  # fmt: skip
        assert_same_when_written_out(model, x)


def test_what_cannot_be_written_out_is_left_for_onnx_runtime_to_refuse() -> None:
    x = np.zeros((1, 1, 5, 5))
    model = one_node("Conv", x, {"w": np.zeros((1, 1, 3, 3))}, dilations=[2, 2])
    with pytest.raises(onnxruntime.capi.onnxruntime_pybind11_state.NotImplemented):
        onnxruntime.InferenceSession(express_in_float64(model).SerializeToString())


def test_a_part_reads_what_it_is_given_even_for_what_it_computes() -> None:
    double, graph = onnx.TensorProto.DOUBLE, onnx.helper
    nodes = [graph.make_node("Neg", ["x"], ["a"]), graph.make_node("Exp", ["a"], ["b"])]
    ends = [graph.make_tensor_value_info(name, double, [1]) for name in ("x", "b")]
    model = graph.make_model(graph.make_graph(nodes, "g", ends[:1], ends[1:]))
    part = cut(model, {"x", "a"}, ["a", "b"], double)
    assert [item.name for item in part.graph.input] == ["given/x", "given/a"]
    run = reference.ReferenceEvaluator(part).run
    found = run(None, {"given/x": np.array([1.0]), "given/a": np.array([0.0])})
    assert [float(value[0]) for value in found] == [-1.0, 1.0]


def one_node(
    kind: str,
    x: np.ndarray,
    constants: dict[str, np.ndarray | None],
    size: tuple[int, int] = (0, 0),
    **attributes: object,
) -> object:
    """A model of one float64 operator; `size` is its output's, where that must be known."""
    names = [name.strip() for name in constants]
    node = onnx.helper.make_node(kind, ["x", *names], ["y"], **attributes)
    shape = [*x.shape[:2], *size] if any(size) else None
    graph = onnx.helper.make_graph(
        [node],
        kind,
        [onnx.helper.make_tensor_value_info("x", onnx.TensorProto.DOUBLE, x.shape)],
        [onnx.helper.make_tensor_value_info("y", onnx.TensorProto.DOUBLE, shape)],
        [onnx.numpy_helper.from_array(a, n) for n, a in constants.items() if a is not None],
        value_info=[onnx.helper.make_tensor_value_info("y", onnx.TensorProto.DOUBLE, shape)],
    )
    return onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 20)])


def assert_same_when_written_out(model: object, x: np.ndarray) -> None:
    (wanted,) = reference.ReferenceEvaluator(model).run(None, {"x": x})
    session = onnxruntime.InferenceSession(express_in_float64(model).SerializeToString())
    (found,) = session.run(None, {"x": x})
    np.testing.assert_allclose(found, wanted, rtol=0, atol=1e-13)
