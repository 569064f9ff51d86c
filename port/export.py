"""The net as an ONNX file, every layer's output under its tap's name.

The dynamo exporter's graph, cleaned of where and how it was made. onnx is imported when an export
begins, since `port` does without it.
"""

import copy
import json
import logging
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

from port.atomic import writing
from port.errors import InputError
from port.model import TinyVideoNet
from port.taps import capture, tapped_modules

if TYPE_CHECKING:
    import onnx

OPSET = 20
INPUT, OUTPUT = "video", "logits"
# Sizes 0 and 1 would be taken for constants.
EXAMPLE_BATCH = 2


def export_onnx(
    net: TinyVideoNet,
    path: str | Path,
    *,
    height: int | None = None,
    width: int | None = None,
    dynamic_size: bool = False,
    about: Mapping[str, Any] | None = None,
) -> None:
    """Write `net`, in evaluation mode, as an ONNX file; whole or not at all.

    Args, errors: see `to_onnx`.

    Raises:
        InputError: also where the file cannot be written.
    """
    with writing(path) as file:  # opened first: what cannot be written is refused at once
        model = to_onnx(net, height=height, width=width, dynamic_size=dynamic_size, about=about)
        file.write(model.SerializeToString())


def to_onnx(
    net: TinyVideoNet,
    *,
    height: int | None = None,
    width: int | None = None,
    dynamic_size: bool = False,
    about: Mapping[str, Any] | None = None,
) -> "onnx.ModelProto":
    """`net` as a checked ONNX model: `video` `[batch, 3, T, H, W]` to `logits` `[batch, classes]`.

    The batch is open. Every tap is a value of the graph, `taps/` in front of its name, and the last
    one is `logits`. What to feed stands in the model's metadata.

    Args:
        net: of any float precision.
        height: of the frames in pixels; the genotype's if None.
        width: likewise.
        dynamic_size: leave height and width open too. Padding then becomes arithmetic on the
            input's shape, and the export takes minutes.
        about: `class_names` and whatever else is known of the weights, for the metadata.

    Raises:
        InputError: onnx is not installed, the net does not take this size, or its size cannot be
            left open.
    """
    onnx = _import_onnx()
    if dynamic_size and net.genotype.input_streams is not None:
        raise InputError(
            "this net resizes its input unless the height already fits, which no graph of open "
            "size can express; leave out --dynamic_size, or fix the size with --height and --width"
        )
    net = copy.deepcopy(net).eval()
    clip = net.genotype.clip
    size = (height or clip.image_size, width or clip.image_size)
    like = next(net.parameters())
    video = like.new_zeros(EXAMPLE_BATCH, net.in_chans, clip.num_frames, *size)
    names = value_names(net)
    model = _export(_Tapped(net).eval(), video, list(names.values()), dynamic_size)
    graph = model.graph
    graph.value_info.extend(graph.output[:-1])  # the taps stay, as values inside
    del graph.output[:-1]
    _forget_the_making(model)
    _describe(model, net, dict(about or {}))
    onnx.checker.check_model(model, full_check=True)
    return model


def value_names(net: nn.Module) -> dict[str, str]:
    """What each tap is called in the ONNX graph; the prefix keeps clear of the exporter's names."""
    taps = list(tapped_modules(net))
    return {tap: f"taps/{tap}" for tap in taps[:-1]} | {taps[-1]: OUTPUT}


class _Tapped(nn.Module):
    """Gives all taps, so that the exporter keeps each and names it."""

    def __init__(self, net: TinyVideoNet) -> None:
        super().__init__()
        self.net = net

    def forward(self, video: Tensor) -> tuple[Tensor, ...]:
        return tuple(capture(self.net, video)[1].values())


def _export(
    tapped: nn.Module, video: Tensor, outputs: list[str], dynamic_size: bool
) -> "onnx.ModelProto":
    axes = {0: "batch"} | ({3: "height", 4: "width"} if dynamic_size else {})
    with _quiet():
        program = torch.onnx.export(
            tapped,
            (video,),
            dynamo=True,
            opset_version=OPSET,
            input_names=[INPUT],
            output_names=outputs,
            dynamic_shapes=(axes,),
            custom_translation_table={torch.ops.aten.scalar_tensor.default: _exact_scalar},
            verbose=False,
        )
    assert program is not None  # None is for the old exporter
    return program.model_proto


def _exact_scalar(
    s: float, dtype: int = 1, layout: str = "", device: str = "", pin_memory: bool = False
) -> Any:
    """`aten.scalar_tensor` in its own precision; the exporter's rounds to float32 on the way.

    Layout, device and pinned memory, which the exporter hands over, mean nothing in a graph.
    """
    import onnx
    from onnxscript import opset20

    value = np.array(s, onnx.helper.tensor_dtype_to_np_dtype(dtype))
    return opset20.Constant(value=onnx.numpy_helper.from_array(value))


@contextmanager
def _quiet() -> Iterator[None]:
    """Without the exporter's remarks on other packages and on itself."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)


def _forget_the_making(model: "onnx.ModelProto") -> None:
    """Drop the exporter's notes, which quote source code and folders of this machine."""
    graph = model.graph
    for item in (graph, *graph.node, *graph.input, *graph.output, *graph.value_info):
        del item.metadata_props[:]
        item.doc_string = ""
    for initializer in graph.initializer:
        del initializer.metadata_props[:]


def _describe(model: "onnx.ModelProto", net: TinyVideoNet, about: dict[str, Any]) -> None:
    """Say in the metadata what to feed and what comes out; lists and the like as JSON."""
    clip = net.genotype.clip
    class_names = about.pop("class_names", None)
    facts = {
        "layout": "[batch, 3, frames, height, width], RGB",
        "value_range": [0.0, 1.0],
        "num_frames": clip.num_frames,
        "frame_stride": clip.frame_stride,
        "image_size": clip.image_size,
        "num_classes": net.num_classes,
        "class_names": class_names,
        "genotype": net.genotype.to_dict(),
        "about": about,
    }
    del model.metadata_props[:]
    for key, value in facts.items():
        text = value if isinstance(value, str) else json.dumps(value)
        model.metadata_props.add(key=key, value=text)


def _import_onnx() -> Any:
    try:
        import onnx
        import onnxscript  # noqa: F401  (what torch's exporter needs)
    except ModuleNotFoundError as error:
        raise InputError(
            f"{error.name} is not installed, and the export needs it: pip install 'tvn-port[onnx]'"
        ) from None
    return onnx
