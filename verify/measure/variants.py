"""Right ports in every form and place that leaves them right: does the verifier fail any."""

import json
import os
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from typing import Any

import torch

from port.errors import InputError
from verify.engine.inference import compare_layers
from verify.engine.layer_noise import compare_on_noise
from verify.engine.memo import Remembering
from verify.measure.bench import PRECISIONS
from verify.measure.criteria import accepted
from verify.measure.mutants import LAYERS_ON_NOISE
from verify.reports.report import Report
from verify.specs.spec import PortSpec
from verify.specs.walk import all_taps, last_of, walk
from verify.tvn.cases import NOISE, Case, all_cases
from verify.tvn.variants import variant

ONEDNN_OFF = {"TF_ENABLE_ONEDNN_OPTS": "0"}
DRESSES = ("channels_last", "folded", "exported")


@contextmanager
def _threads(number: int) -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(number)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@contextmanager
def _without_mkldnn() -> Iterator[None]:
    """Nor with NNPACK, which then convolves by Winograd's transform.

    That is less precise: on a random net, six times as far from the truth in one convolution as
    PyTorch's own, and found to be.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # one about graphics processors
        with (
            torch.backends.mkldnn.flags(enabled=False),
            torch.backends.nnpack.flags(enabled=False),
        ):
            yield


@contextmanager
def _as_it_is() -> Iterator[None]:
    yield


PLACES: dict[str, Callable[[], Any]] = {
    "as it is": _as_it_is,
    "two threads": lambda: _threads(2),
    "PyTorch without oneDNN": _without_mkldnn,
}


def variants(case: Case) -> list[dict[str, Any]]:
    """Every variant of a case on all of its clips; the original runs once for all of them."""
    found = []
    for clips in case.sets:
        spec = case.spec(clips)
        originals = {precision: Remembering(spec.original(precision)) for precision in PRECISIONS}
        kept = replace(spec, original=originals.__getitem__)
        for name, place in PLACES.items():
            with place():
                found.append(_judged(case, name, clips, kept))
        for name in DRESSES:
            found.append(_judged(case, name, clips, variant(name, kept)))
        for original in originals.values():
            original.end()
    for name, place in PLACES.items():
        with place():
            found.append(_judged(case, name, LAYERS_ON_NOISE, case.spec(), compare_on_noise))
    for name, other in _others(case).items():
        found.append(_judged(case, name, NOISE, other.spec()))
    return found


def _others(case: Case) -> dict[str, Case]:
    """The same net with other weights, other clips, the other head."""
    subject = case.subject
    others = {
        "seed 11": replace(subject, seed=11),
        "seed 12": replace(subject, seed=12),
        "one clip": replace(subject, batch=1),
        "three clips": replace(subject, batch=3),
        "the other head": replace(subject, max_pool_predictions=not subject.max_pool_predictions),
    }
    return {name: replace(case, subject=other) for name, other in others.items()}


def compiled(case: Case) -> list[dict[str, Any]]:
    """The port compiled; takes minutes where a net is large."""
    return [_judged(case, "compiled", NOISE, variant("compiled", case.spec()))]


def without_onednn(name: str) -> list[dict[str, Any]]:
    """A case whose original runs without oneDNN, which is chosen when TensorFlow starts."""
    command = [sys.executable, "-m", "verify.measure.variants", name]
    environment = os.environ | ONEDNN_OFF
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    if done.returncode:
        raise RuntimeError(done.stderr[-2000:])
    rows: list[dict[str, Any]] = json.loads(done.stdout.splitlines()[-1])
    return rows


def _in_this_process(case: Case) -> list[dict[str, Any]]:
    name = "TensorFlow without oneDNN"
    return [_judged(case, name, clips, case.spec(clips)) for clips in case.sets]


def _judged(
    case: Case,
    name: str,
    clips: str,
    spec: PortSpec,
    compare: Callable[[PortSpec], Report] = compare_layers,
) -> dict[str, Any]:
    """The verifier's verdict, and those of other tools' criteria, on a port that is right."""
    row: dict[str, Any] = {"case": case.name, "variant": name, "clips": clips}
    try:
        report = compare(spec)
    except InputError as error:
        return row | {"passed": True, "refused": str(error)}
    return row | {
        "passed": report.passed,
        "first": report.first_failure,
        "reason": next((tap.complaint for tap in report.taps if not tap.passed), None),
        "needed_factor": report.worst["needed_factor"],
        "accepted": accepted(*_logits(spec)),
    }


def _logits(spec: PortSpec) -> tuple[Any, Any]:
    """The port's and the original's, in float32."""
    with closing(spec.port("float32")) as port, closing(spec.original("float32")) as original:
        found = last_of(walk(spec.stages, spec.inputs, all_taps(port)))
        wanted = last_of(walk(spec.stages, spec.inputs, original.run_stage))
        last = spec.stages[-1].taps[-1]
        return found.taps.get(last), wanted.taps[last]


if __name__ == "__main__":
    sys.stdout.write(json.dumps(_in_this_process(all_cases()[sys.argv[1]]())) + "\n")
