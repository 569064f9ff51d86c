"""Right ports in every style and form: does the verifier fail any?"""

import copy
import time
from collections.abc import Iterator, Mapping
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval, fuse_linear_bn_eval

from port.errors import InputError
from verify.custom.port_spec import port_spec
from verify.diagnosis.verify import verify
from verify.measure.custom.judge import LONGEST_MESSAGE, Bench, Row
from verify.measure.custom.styles import AS_WRITTEN

FOLDED = "folded"
# A right port: its form, itself, what `port_spec` is told besides, on which original and input.
Right = tuple[str, nn.Module, Mapping[str, Any], Any, Any]


def right_ports(bench: Bench, rebuilt: bool = True) -> list[Row]:
    """What the verifier says of every right port of a net.

    Args:
        bench: the net.
        rebuilt: also where the original must run anew, with other weights or on other inputs.
    """
    return [_judged(bench, *right) for right in _all(bench, rebuilt)]


def _all(bench: Bench, rebuilt: bool) -> Iterator[Right]:
    net, original, inputs = bench.net, bench.original, bench.inputs
    for style, make in bench.styles.items():
        yield style, make(), {}, original, inputs
    make = bench.styles[AS_WRITTEN]
    state = bench.right(AS_WRITTEN).port.module.state_dict()  # type: ignore[attr-defined]
    if not net.tokens and len(net.shape) == 3:
        last: Any = make()
        yield "channels last", last.to(memory_format=torch.channels_last), {}, original, inputs
    loaded = make()
    loaded.load_state_dict(state)
    yield "loaded", loaded, {"loaded": True}, original, inputs
    yield "converted by a function", make(), {"weights": lambda _: state}, original, inputs
    if (folded := fold(loaded)) is not None:
        yield FOLDED, folded, {"weights": partial(_folded, loaded)}, original, inputs
    if not rebuilt:
        return
    for seed in (11, 12):
        yield f"seed {seed}", make(), {}, net.keras_model(seed), net.inputs(seed)
    yield "one of a batch", make(), {}, original, net.inputs(batch=1)
    yield "three of a batch", make(), {}, original, net.inputs(batch=3)
    if not net.tokens:
        yield "larger values", make(), {}, original, net.inputs(scale=10)


def _folded(port: nn.Module, variables: Mapping[str, np.ndarray]) -> dict[str, torch.Tensor]:
    """The state dict of a port, folded in float64."""
    folded = fold(copy.deepcopy(port).double())
    assert folded is not None
    return folded.state_dict()


def _judged(
    bench: Bench, form: str, port: nn.Module, given: Mapping[str, Any], original: Any, inputs: Any
) -> Row:
    start = time.process_time()
    row: Row = {"net": bench.net.name, "form": form}
    told = {**bench.net.given, **given}
    if "weights" in given:
        told.pop("port_only", None)
    try:
        report = verify(port_spec(bench.net.name, original, port, inputs, **told), diagnose=False)
    except InputError as error:
        row |= {"outcome": "refused", "said": str(error)[:LONGEST_MESSAGE]}
    except Exception as error:
        said = f"{type(error).__name__}: {error}"[:LONGEST_MESSAGE]
        row |= {"outcome": "crashed", "said": said}
    else:
        row |= {"outcome": "passed" if report.passed else "failed", "first": report.first_failure,
                "taps": len(report.taps), "needed_factor": report.worst["needed_factor"],
                "said": next((t.complaint for t in report.taps if not t.passed), "")}  # fmt: skip
        matching = report.about.matching
        row |= {"not_compared": sorted(matching.not_compared) if matching else []}
    return row | {"seconds": round(time.process_time() - start, 3)}


def fold(port: nn.Module) -> nn.Module | None:
    """A copy with every batch norm folded into the layer before it; None if there is none.

    That is said by order alone: of two parts of one module, one behind the other.
    """
    port, found = copy.deepcopy(port).eval(), False
    for parent in list(port.modules()):
        children = list(parent.named_children())
        for (name, layer), (behind, norm) in pairwise(children):
            fuse: Any = fuse_linear_bn_eval if isinstance(layer, nn.Linear) else fuse_conv_bn_eval
            convolves = isinstance(layer, nn.modules.conv._ConvNd | nn.Linear)
            if not convolves or not isinstance(norm, nn.modules.batchnorm._BatchNorm):
                continue
            if getattr(layer, "transposed", False) or not behind.startswith(name):
                continue
            setattr(parent, name, fuse(layer, norm))
            setattr(parent, behind, nn.Identity())
            found = True
    return port if found else None
