"""An exported ONNX graph as a runner, run by ONNX Runtime."""

from collections.abc import Mapping, Sequence
from functools import cached_property

import numpy as np
import onnx
import onnxruntime
import torch

from verify.runners.onnx.float64 import express_in_float64
from verify.runners.onnx.graph import GIVEN, cut
from verify.runners.pytorch import from_nhwc, to_nhwc
from verify.specs.spec import See, Stage


class OnnxRunner:
    """Runs the parts of `model` between taps; in float64 with its operators written out.

    Args:
        model: as `port.export.to_onnx` makes it of a net in `precision`.
        value_names: each tap's name in the graph.
        inputs: what the whole graph reads, by name, in the graph's layout; any part may read it,
            if only to see its shape.
        precision: `float64` or `float32`.
    """

    def __init__(
        self,
        model: onnx.ModelProto,
        value_names: Mapping[str, str],
        inputs: Mapping[str, np.ndarray],
        precision: str,
    ) -> None:
        self._model = express_in_float64(model) if precision == "float64" else model
        self._precision, self._names = precision, value_names
        self._inputs = {name: value.astype(precision) for name, value in inputs.items()}

    def run_stage(self, stage: Stage, given: Mapping[str, np.ndarray], see: See) -> None:
        """See `PortRunner`."""
        self._run(stage, stage.reads, given, see)

    def run_layers(self, stage: Stage, seen: Mapping[str, np.ndarray], see: See) -> None:
        """See `PortRunner`."""
        self._run(stage, (*stage.reads, *stage.taps), seen, see)

    def _run(
        self, stage: Stage, fed: Sequence[str], given: Mapping[str, np.ndarray], see: See
    ) -> None:
        taps = {self._names[tap]: tap for tap in fed if tap in self._names}
        outputs = [self._names[tap] for tap in stage.taps]
        dtype = onnx.helper.np_dtype_to_tensor_dtype(np.dtype(self._precision))
        part = cut(self._model, {*taps, *self._inputs}, outputs, dtype)
        session = onnxruntime.InferenceSession(
            part.SerializeToString(), self._options, providers=["CPUExecutionProvider"]
        )
        feeds = {}
        for item in session.get_inputs():
            name = item.name.removeprefix(GIVEN)
            feeds[item.name] = (
                self._inputs[name] if name in self._inputs else self._feed(given[taps[name]])
            )
        for tap, value in zip(stage.taps, session.run(outputs, feeds), strict=True):
            see(tap, to_nhwc(torch.from_numpy(value)))

    def close(self) -> None:
        """See `PortRunner`."""
        self._model = onnx.ModelProto()

    def _feed(self, array: np.ndarray) -> np.ndarray:
        return from_nhwc(array.astype(self._precision, copy=False)).numpy()

    @cached_property
    def _options(self) -> onnxruntime.SessionOptions:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = torch.get_num_threads()
        options.log_severity_level = 3
        return options
