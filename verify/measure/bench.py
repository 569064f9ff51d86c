"""One net with its original, kept running, so that many wrong ports can be judged quickly.

What the original computes does not depend on what is wrong with the port: it is computed once.
And a port that is wrong in one layer computes what the right one does until that layer's stage:
there the judging starts. Who judges is the engine itself.
"""

import copy
import hashlib
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace

import numpy as np

from port.convert.names import table
from verify.engine.inference import Comparison
from verify.engine.memo import Remembering
from verify.engine.second_look import errors_when_moved, judged_again
from verify.numerics.compare import Difference, difference
from verify.reports.outcome import Reason
from verify.reports.report import TapReport
from verify.runners.pytorch import TorchRunner
from verify.specs.spec import Arrays, PortRunner, PortSpec, Stage
from verify.specs.walk import Step, all_taps, last_of, steps, walk
from verify.tvn.cases import NOISE, Case
from verify.tvn.faults import Fault
from verify.tvn.spec import TvnPort, other_weights, stage_calls

PRECISIONS = ("float64", "float32")
# A fault and the tap of the layer that it is planted in.
Planted = tuple[Fault, str]


@dataclass(frozen=True)
class Judgement:
    """Of one wrong port on one set of clips: the first tap that failed, and why, also in words."""

    tap: str
    reason: Reason
    complaint: str


class Bench:
    """A right port beside its original on one set of clips.

    Args:
        spec: of a Tiny Video Network and its right port.
        variables: the original's weights.
        taps: where faults will be planted, if not anywhere: of other stages nothing is kept.
    """

    def __init__(
        self,
        spec: PortSpec,
        variables: Mapping[str, np.ndarray],
        taps: Collection[str] | None = None,
    ) -> None:
        assert isinstance(spec.port, TvnPort)
        self._variables, batch = variables, spec.port.batch
        if taps is not None:
            kept = [stage.taps for stage in spec.stages if not set(taps).isdisjoint(stage.taps)]
            taps = {tap for stage_taps in kept for tap in stage_taps}
        self._kept = taps
        self.originals = {p: Remembering(spec.original(p), taps) for p in PRECISIONS}
        self.nets = {precision: copy.deepcopy(spec.port.net).eval() for precision in PRECISIONS}
        self._ports: dict[str, PortRunner] = {
            precision: TorchRunner(net, stage_calls(net, batch), precision)
            for precision, net in self.nets.items()
        }
        self.spec = replace(spec, original=self.originals.__getitem__)
        self._rows = table(spec.port.net.genotype, spec.port.net.num_classes)
        self._order = {
            tap: (index, place)
            for index, stage in enumerate(self.spec.stages)
            for place, tap in enumerate(stage.taps)
        }
        self._carried: list[dict[str, Arrays]] = []
        self._seen: dict[str, Arrays] = {}
        self._right_bits: dict[int, list[bytes]] = {}
        self._moved: dict[str, dict[str, list[Difference]]] = {}
        self.right = list(self._walk())
        self._right = {tap.name: tap.isolated for tap in self.right if tap.isolated}

    def close(self) -> None:
        """Free what the original holds."""
        for original in self.originals.values():
            original.end()

    def passes(self) -> bool:
        """The right port's verdict, second look included."""
        return all(tap.passed or self._again(tap).passed for tap in self.right)

    def judge(self, planted: Sequence[Planted]) -> Judgement | None:
        """Plant faults, judge until a tap fails, mend them; None if no tap fails."""
        first = min((tap for _, tap in planted), key=self._order.__getitem__)
        right = self._bits_of_right(self.stage_of(first))
        with self.planted(planted):
            if found := self._alone(first):
                return found
            others = self._other_weights(planted)
            confined = len(planted) == 1 and not planted[0][0].wide
            if confined and not others and self._bits(self.stage_of(first)) == right:
                return None  # nothing behind the stage reads anything else
            return self._all(planted)

    def same(self, fault: Fault, tap: str) -> bool:
        """Whether all that the port computes is the right one's, bit for bit, fault or not."""
        start = self.stage_of(tap)
        if not fault.wide:
            right = self._bits_of_right(start)
            with self.planted([(fault, tap)]):
                return self._bits(start) == right
        for precision in PRECISIONS:
            before = self.outputs(precision, start)
            with self.planted([(fault, tap)]):
                after = self.outputs(precision, start)
            if before.keys() != after.keys():
                return False
            if any(_bits_of(before[name]) != _bits_of(after[name]) for name in before):
                return False
        return True

    def _bits_of_right(self, index: int) -> list[bytes]:
        """Of what the right port computes in a stage; call it while nothing is planted."""
        if index not in self._right_bits:
            self._right_bits[index] = self._bits(index)
        return self._right_bits[index]

    def _bits(self, index: int) -> list[bytes]:
        """A digest of every tap in a stage, in both precisions, accumulated and alone."""
        stage, bits = self.spec.stages[index], list[bytes]()

        def see(name: str, value: np.ndarray) -> None:
            bits.append(hashlib.sha256(name.encode() + _bits_of(value)).digest())

        for precision, port in self._ports.items():
            port.run_stage(stage, self._carried[index][_side(precision)], see)
            port.run_layers(stage, self._seen[stage.name], see)
        return bits

    def has(self, fault: Fault, tap: str) -> bool:
        """Whether this net has the layer, and the fault can be made in it."""
        net = self.nets["float64"]
        return tap in self._order and fault.applies(fault.site(net, tap))

    def _alone(self, first: str) -> Judgement | None:
        """The quick way to most verdicts: float64 alone, in the first fault's own stage.

        In front of the fault the port computes what the right one does. A layer that fails here
        fails in the engine, whatever else is found there.
        """
        stage = self.spec.stages[self.stage_of(first)]
        seen = self._seen[stage.name]
        found: Arrays = {}
        self._ports["float64"].run_layers(stage, seen, found.__setitem__)
        for tap in stage.taps[stage.taps.index(first) :]:
            if tap not in found:
                return None
            truth = self.originals["float64"].run_layer(tap, seen)
            verdict = replace(self._right[tap], function=difference(found[tap], truth))
            if not verdict.same_function:
                reason = Reason.OTHER_FUNCTION_ISOLATED
                return Judgement(tap, reason, reason)
        return None

    def sees(self, planted: Sequence[Planted]) -> str:
        """The first layer that computes anything else, be it only one bit, of what it is fed."""
        start = min(self.stage_of(tap) for _, tap in planted)
        for stage in self.spec.stages[start:]:
            right, wrong = Arrays(), Arrays()
            self._ports["float64"].run_layers(stage, self._seen[stage.name], right.__setitem__)
            with self.planted(planted):
                self._ports["float64"].run_layers(stage, self._seen[stage.name], wrong.__setitem__)
            for tap in stage.taps:
                if tap not in wrong or _bits_of(wrong[tap]) != _bits_of(right[tap]):
                    return tap
        return ""

    def _all(self, planted: Sequence[Planted]) -> Judgement | None:
        for tap in self.taps(planted):
            if not tap.passed and not self._again(tap).passed:
                assert tap.reason is not None
                return Judgement(tap.name, tap.reason, tap.complaint)
        return None

    def _again(self, tap: TapReport) -> TapReport:
        """The second look at a tap of which nothing but the size of rounding is in doubt."""
        if not tap.doubtful or tap.accumulated is None:
            return tap
        if not self._moved:
            names = set(self._order)
            self._moved |= {p: errors_when_moved(self.spec, p, names) for p in PRECISIONS}
        moved = (self._moved[precision][tap.name] for precision in PRECISIONS)
        return replace(tap, accumulated=judged_again(tap.accumulated, *moved))

    def taps(self, planted: Sequence[Planted]) -> Iterator[TapReport]:
        """Every tap from the stage of the first fault on, while the faults are planted."""
        start = min(self.stage_of(tap) for _, tap in planted)
        comparison = self._comparison(self._other_weights(planted))
        comparison.carried = {side: dict(values) for side, values in self._carried[start].items()}
        for stage, still_read in steps(self.spec.stages[start:]):
            yield from comparison.judge(stage, still_read)

    def _other_weights(self, planted: Sequence[Planted]) -> dict[str, tuple[str, ...]]:
        names = {tap for _, tap in planted}
        rows = [row for row in self._rows if row.tap in names]
        return other_weights(self._variables, self.nets["float32"], rows)

    @contextmanager
    def planted(self, faults: Sequence[Planted]) -> Iterator[None]:
        """The faults in the nets of both precisions."""
        with ExitStack() as stack:
            for fault, tap in faults:
                for net in self.nets.values():
                    stack.enter_context(fault.planted(net, tap))
            yield

    def outputs(self, precision: str, start: int = 0, stop: int | None = None) -> Arrays:
        """Every tap from stage `start` up to `stop`, as the port that now stands computes it."""
        found: Arrays = {}
        for step in self._steps(precision, self.spec.stages[start:stop], start):
            found |= step.taps
        return found

    def logits(self, start: int = 0) -> np.ndarray | None:
        """Of the port as it stands, in float32; None where it does not get that far."""
        few = [
            replace(stage, taps=tuple(name for name in stage.taps if name in wanted))
            for stage, still_read in steps(self.spec.stages[start:])
            for wanted in [still_read | {self.last_tap}]
        ]
        last = last_of(self._steps("float32", few, start))
        return last.taps.get(self.last_tap)

    def _steps(self, precision: str, stages: Sequence[Stage], start: int) -> Iterator[Step]:
        """The port's way through `stages`, the first of which is at `start`."""
        carried = self._carried[start][_side(precision)]
        return walk(stages, carried, all_taps(self._ports[precision]))

    def stage_of(self, tap: str) -> int:
        """The place of the stage that a tap is in."""
        return self._order[tap][0]

    def seen(self, stage: Stage) -> Arrays:
        """What the original's float32 computed up to the end of a stage, as layers read it."""
        return self._seen[stage.name]

    @property
    def wanted(self) -> np.ndarray:
        """The original's logits in float32, of a bench that keeps all."""
        return self._seen[self.spec.stages[-1].name][self.last_tap]

    @property
    def last_tap(self) -> str:
        """The logits'."""
        return self.spec.stages[-1].taps[-1]

    def _walk(self) -> Iterator[TapReport]:
        """Judge the right port, and keep what each stage starts from."""
        comparison = self._comparison({})
        for stage, still_read in steps(self.spec.stages):
            self._carried.append({side: dict(v) for side, v in comparison.carried.items()})
            if self._kept is None or not set(self._kept).isdisjoint(stage.taps):
                given = comparison.carried["original32"]
                self._seen[stage.name] = given | self.originals["float32"].run_stage(stage, given)
            yield from comparison.judge(stage, still_read)

    def _comparison(self, other: Mapping[str, tuple[str, ...]]) -> Comparison:
        return Comparison(
            original64=self.originals["float64"],
            original32=self.originals["float32"],
            port64=self._ports["float64"],
            port32=self._ports["float32"],
            inputs=self.spec.inputs,
            other_weights=other,
            isolates=True,
        )


def bench_of(case: Case, clips: str = NOISE) -> Bench:
    """A case's right port beside its original on these clips."""
    return Bench(case.spec(clips), case.variables)


def _bits_of(values: np.ndarray) -> bytes:
    """All bits but the sign of zeros."""
    return (values + 0.0).tobytes()


def _side(precision: str) -> str:
    return {"float64": "port64", "float32": "port32"}[precision]
