"""The six published nets in ONNX Runtime, at every tap, from one file a size for any batch."""

import copy
from collections.abc import Iterator
from dataclasses import replace

import pytest
import torch

from port import Genotype, list_models
from port.export import INPUT, to_onnx, value_names
from verify import Subject, compare_layers, layers_spec
from verify.reports.report import Report
from verify.tvn.spec import as_clips

pytest.importorskip("onnxruntime")
from verify.runners.onnx.runner import OnnxRunner

SIZES = [(64, 64), (57, 81)]
BATCHES = range(1, 6)


@pytest.mark.slow
@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("model", list_models())
def test_every_tap_passes_at_every_batch(model: str, size: tuple[int, int]) -> None:
    failed = {
        r.about.to_dict()["input"][0]: r.first_failure for r in judged(model, size) if not r.passed
    }
    assert not failed


def judged(model: str, size: tuple[int, int]) -> Iterator[Report]:
    """A report a batch."""
    genotype, (height, width) = Genotype.load(model), size
    subject = Subject(genotype, height=height, width=width)
    net = subject.port.eval()
    files = {
        precision: to_onnx(copy.deepcopy(net).to(getattr(torch, precision)), height=height,
                           width=width)
        for precision in ("float64", "float32")
    }  # fmt: skip
    for batch in BATCHES:
        spec = layers_spec(replace(subject, variables=subject.weights, net=net, batch=batch))
        video = torch.from_numpy(spec.inputs["video"]).movedim(-1, 1)
        clips = as_clips(video, genotype, batch).contiguous().numpy()

        def port(precision: str, clips: object = clips) -> OnnxRunner:
            return OnnxRunner(files[precision], value_names(net), {INPUT: clips}, precision)

        yield compare_layers(replace(spec, port=port))
