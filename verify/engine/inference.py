"""Running both sides in both precisions, and judging every tap: accumulated, then isolated."""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing
from dataclasses import replace

import numpy as np

from verify.engine.guessed import fails_alone_only, without_guessed
from verify.engine.rounded_constants import look_at_constants
from verify.engine.second_look import alone_again, second_look
from verify.numerics.compare import Difference, difference
from verify.numerics.error_map import ErrorMap, error_map
from verify.numerics.verdicts import Verdict
from verify.reports.report import Report, TapReport
from verify.specs.spec import Arrays, OriginalRunner, PortRunner, PortSpec, Stage
from verify.specs.walk import can_run, kept, steps

Watcher = Callable[[TapReport], None]


def compare_layers(spec: PortSpec, *, watch: Watcher | None = None, mapped: bool = False) -> Report:
    """Compare a port with its original, layer by layer.

    Accumulated, each side computes everything from the input. Isolated, each layer is fed what
    the original's own float32 computed in front of it, so that a layer answers for itself alone.
    The truth is the original in float64, on the same values.

    Where everything agrees from the input on, and yet a layer alone does not, one of the layers
    may be told by its numbers at a place that is not its own, and others be fed wrongly. If the
    port passes without those that were told so, they are not compared.

    Args:
        spec: the port and its original.
        watch: called with each tap's report as soon as it is judged.
        mapped: keep of every layer where its error is; else of those that are wrong by themselves.

    Returns:
        The report; `report.passed` is the verdict.
    """
    report = _compared(spec, watch, mapped)
    if spec.guessed and fails_alone_only(report):
        surer = _compared(without_guessed(spec), None, mapped)
        return surer if surer.passed else report
    return report


def _compared(spec: PortSpec, watch: Watcher | None, mapped: bool) -> Report:
    start = time.monotonic()
    taps = []
    with ExitStack() as stack:
        comparison = Comparison(
            original64=stack.enter_context(closing(spec.original("float64"))),
            original32=stack.enter_context(closing(spec.original("float32"))),
            port64=stack.enter_context(closing(spec.port("float64"))),
            port32=stack.enter_context(closing(spec.port("float32"))),
            inputs=spec.inputs,
            other_weights=spec.other_weights,
            isolates=spec.isolates,
            mapped=mapped,
        )
        for stage, still_read in steps(spec.stages):
            for tap in comparison.judge(stage, still_read):
                taps.append(tap)
                if watch is not None:
                    watch(tap)
    taps = second_look(spec, look_at_constants(spec, taps))
    seconds = round(time.monotonic() - start, 1)
    about = replace(spec.about, seconds=seconds)
    return Report(spec.name, taps, about, stages=tuple(spec.stages))


class Comparison:
    """The four runners, and for each what later stages still read, in `carried`."""

    def __init__(
        self,
        original64: OriginalRunner,
        original32: OriginalRunner,
        port64: PortRunner,
        port32: PortRunner,
        inputs: Mapping[str, np.ndarray],
        other_weights: Mapping[str, tuple[str, ...]],
        isolates: bool,
        mapped: bool = False,
    ) -> None:
        self.original64, self.original32 = original64, original32
        self.port64, self.port32 = port64, port32
        self.other_weights, self.isolates, self.mapped = other_weights, isolates, mapped
        self.carried: dict[str, Arrays] = {
            side: dict(inputs) for side in ("original64", "original32", "port64", "port32")
        }

    def judge(self, stage: Stage, still_read: set[str]) -> Iterator[TapReport]:
        """Every tap of a stage; of its values, only those in `still_read` are kept."""
        seen = dict(self.carried["original32"])
        truth = self.original64.run_stage(stage, self.carried["original64"])
        function = self._stream(self.port64, "port64", stage, truth, still_read)
        precision = self._stream(self.port32, "port32", stage, truth, still_read)
        original32 = self.original32.run_stage(stage, seen)
        whole = {
            name for name in precision.keys() & function.keys() if truth[name].dtype.kind != "f"
        }
        precision |= {name: function[name] for name in whole}  # in float32 a tie may break
        accumulated = {
            name: Verdict(
                function[name], precision[name], difference(original32[name], truth[name])
            )
            for name in function.keys() & precision.keys()
        }
        self._carry("original64", truth, still_read)
        self._carry("original32", original32, still_read)
        del truth
        seen |= original32
        isolated, maps = self._isolated(stage, seen) if self.isolates else ({}, {})
        for name in stage.taps:
            yield TapReport(
                name,
                seen[name].shape,
                accumulated.get(name),
                isolated.get(name),
                self.other_weights.get(name, ()),
                self.isolates,
                maps.get(name),
            )

    def _stream(
        self, runner: PortRunner, side: str, stage: Stage, truth: Arrays, still_read: set[str]
    ) -> dict[str, Difference]:
        """Each tap's difference from `truth`, the port computing from its own values on."""
        differences: dict[str, Difference] = {}
        outputs: Arrays = {}

        def see(name: str, value: np.ndarray) -> None:
            differences[name] = difference(value, truth[name])
            if name in still_read:
                outputs[name] = value

        # An earlier failure may have left the port without what this stage reads.
        if can_run(stage, self.carried[side]):
            runner.run_stage(stage, self.carried[side], see)
        self._carry(side, outputs, still_read)
        return differences

    def _isolated(
        self, stage: Stage, seen: Arrays
    ) -> tuple[dict[str, Verdict], dict[str, ErrorMap | None]]:
        """Each layer by itself, on exactly what the original's float32 layers read."""
        port32: Arrays = {}
        self.port32.run_layers(stage, seen, port32.__setitem__)
        verdicts: dict[str, Verdict] = {}
        maps: dict[str, ErrorMap | None] = {}

        def see(name: str, port64: np.ndarray) -> None:
            if name in port32:
                truth, rounded = self.original64.run_layer(name, seen), port32.pop(name)
                function, precision = (difference(a, truth) for a in (port64, rounded))
                if truth.dtype.kind != "f":
                    # Whole numbers such as a largest class are exact, or another function's; in
                    # float32 two classes that are all but equal may change places on either side.
                    precision = function
                verdict = Verdict(function, precision, difference(seen[name], truth))
                verdicts[name] = alone_again(verdict, name, seen, truth, self.original32)
                if self.mapped or not verdicts[name].passed:
                    exact = None if verdicts[name].same_function else port64
                    maps[name] = error_map(rounded, seen[name], truth, exact)

        self.port64.run_layers(stage, seen, see)
        return verdicts, maps

    def _carry(self, side: str, outputs: Arrays, still_read: set[str]) -> None:
        self.carried[side] = kept(self.carried[side] | outputs, still_read)
