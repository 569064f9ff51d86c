"""Every layer alone, on numbers of its own: noise in place of what the net would feed it.

What a net feeds a layer may hide what is wrong with it. Behind a squeeze whose every value lies
beyond three, a hard-swish is a ReLU.
"""

import time
import zlib
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing
from dataclasses import replace

import numpy as np

from verify.engine.inference import Watcher
from verify.engine.second_look import alone_again
from verify.numerics.compare import difference
from verify.numerics.verdicts import Verdict
from verify.reports.report import Report, TapReport
from verify.specs.spec import Arrays, OriginalRunner, PortSpec, Stage
from verify.specs.walk import walk

# Of the noise: half of it lies between the bends of activations, at three, half beyond them.
DEVIATION = 4.5
Shapes = Mapping[str, tuple[int, ...]]


def compare_on_noise(spec: PortSpec, *, watch: Watcher | None = None) -> Report:
    """Compare each layer of a port, fed with noise, with the original's layer fed with the same.

    Args:
        spec: the port and its original; what the net computes from its inputs gives the shapes.
        watch: called with each tap's report as soon as it is judged.

    Returns:
        The report, whose `accumulated` verdicts are the isolated ones: nothing accumulates.
    """
    start, taps = time.monotonic(), list[TapReport]()
    with ExitStack() as stack:
        original64 = stack.enter_context(closing(spec.original("float64")))
        original32 = stack.enter_context(closing(spec.original("float32")))
        port64 = stack.enter_context(closing(spec.port("float64")))
        port32 = stack.enter_context(closing(spec.port("float32")))
        for stage, shapes in _shapes(spec, original32):
            fed = {name: _noise(name, shape) for name, shape in shapes.items()}
            found64, found32 = Arrays(), Arrays()
            port64.run_layers(stage, fed, found64.__setitem__)
            port32.run_layers(stage, fed, found32.__setitem__)
            for name in stage.taps:
                verdict = None
                if name in found64 and name in found32:
                    truth = original64.run_layer(name, fed)
                    right32 = original32.run_layer(name, fed)
                    pairs = (found64.pop(name), found32.pop(name), right32)
                    function, port, original = (difference(array, truth) for array in pairs)
                    first = Verdict(function, port, original)
                    verdict = alone_again(first, name, fed, truth, original32)
                taps.append(TapReport(name, shapes[name], verdict, verdict))
                if watch is not None:
                    watch(taps[-1])
    about = replace(spec.about, seconds=round(time.monotonic() - start, 1))
    return Report(spec.name, taps, about)


def _shapes(spec: PortSpec, original: OriginalRunner) -> Iterator[tuple[Stage, Shapes]]:
    """Every stage with the shapes of all that its layers read and compute."""
    for step in walk(spec.stages, spec.inputs, original.run_stage):
        yield step.stage, {name: array.shape for name, array in step.seen.items()}


def _noise(name: str, shape: tuple[int, ...]) -> np.ndarray:
    draw = np.random.default_rng(zlib.crc32(name.encode()))
    return draw.normal(0, DEVIATION, shape).astype(np.float32)
