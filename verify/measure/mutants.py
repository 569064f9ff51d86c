"""Every fault planted in every layer of a net, one at a time: is it seen, and where first."""

import copy
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from port.errors import InputError
from verify.engine.layer_noise import compare_on_noise
from verify.measure.bench import Bench, Judgement, bench_of
from verify.measure.criteria import accepted
from verify.reports.outcome import Reason
from verify.tvn.cases import NOISE, Case
from verify.tvn.faults import FAMILIES, Fault
from verify.tvn.probe_sets import ALL_SETS
from verify.tvn.spec import TvnPort

# In place of the clips' name: no clips at all, but each layer alone.
LAYERS_ON_NOISE = "layers on noise"


@dataclass(frozen=True, slots=True)
class Mutant:
    """What became of one fault in one layer.

    `clips` are those that first showed it, `first` the first layer that failed on them, `why` for
    which `Reason`, `reason` the same in words; all empty of a fault that nothing showed. `sees` is
    the first layer that computes anything else at all, where that is not the one it was planted in.
    `equivalent`: nothing showed it, and all that the port computes on all clips is the right
    port's, bit for bit, in both precisions. `accepted`: which criteria of other tools accept the
    logits; empty where they were not asked.
    """

    case: str
    family: str
    fault: str
    tap: str
    clips: str = ""
    first: str = ""
    why: str = ""
    reason: str = ""
    sees: str = ""
    equivalent: bool = False
    accepted: dict[str, bool] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


def sites(case: Case) -> list[tuple[str, Fault, str]]:
    """Family, fault and tap of every fault in every layer where it applies."""
    return [
        (family, fault, tap)
        for family, faults in FAMILIES.items()
        for fault in faults
        for tap in fault.sites(case.net)
    ]


def _seen(mutant: Mutant, clips: str, found: Judgement) -> Mutant:
    return replace(mutant, clips=clips, first=found.tap, why=found.reason, reason=found.complaint)


class Judge:
    """Judges mutants of a case on one set of clips after the other, until one set shows them.

    Args:
        case: the net.
        thorough: where its own clips show nothing, try all further sets of `verify.tvn.probe_sets`.
    """

    def __init__(self, case: Case, thorough: bool = True) -> None:
        self.case = case
        self._benches: dict[str, Bench] = {}
        more = tuple(probes for probes in ALL_SETS if thorough and probes not in case.probes)
        self._thorough = replace(case, probes=more)
        self.further = tuple(probes.name for probes in more)

    def bench(self, clips: str) -> Bench:
        """Made when it is first asked for; raises InputError where the net cannot take them."""
        if clips not in self._benches:
            case = self._thorough if clips in self.further else self.case
            self._benches[clips] = bench_of(case, clips)
        return self._benches[clips]

    def judge(self, family: str, fault: Fault, tap: str, others: bool) -> Mutant:
        """Plant it, and find out; `others`: ask the criteria of other tools too."""
        mutant = Mutant(self.case.name, family, fault.name, tap)
        if others:
            mutant = replace(mutant, accepted=self._criteria(fault, tap))
        for clips, bench in self._benches_with(fault, tap):
            found = bench.judge([(fault, tap)])
            if found is not None and found.reason is not Reason.OTHER_WEIGHTS:
                sees = bench.sees([(fault, tap)]) if found.tap != tap else ""
                return replace(_seen(mutant, clips, found), sees=sees)
        found = self.bench(NOISE).judge([(fault, tap)])
        if found is not None:  # what it computes shows nothing, but its weights do
            return _seen(mutant, NOISE, found)
        if all(bench.same(fault, tap) for _, bench in self._benches_with(fault, tap)):
            return replace(mutant, equivalent=True)
        found = self._on_noise(fault, tap)
        return mutant if found is None else _seen(mutant, LAYERS_ON_NOISE, found)

    def close(self) -> None:
        """Free what the originals hold."""
        for bench in self._benches.values():
            bench.close()

    def _benches_with(self, fault: Fault, tap: str) -> Iterator[tuple[str, Bench]]:
        """On all clips, as far as the net has the layer then: one frame needs no temporal one."""
        for clips in (*self.case.sets, *self.further):
            try:
                bench = self.bench(clips)
            except InputError:  # such as one frame for a net that has other weights then
                continue
            if bench.has(fault, tap):
                yield clips, bench

    def _on_noise(self, fault: Fault, tap: str) -> Judgement | None:
        """The first layer that fails by itself; None if none does."""
        net = copy.deepcopy(self.case.net).eval()
        with fault.planted(net, tap):
            spec = replace(self.case.spec(), port=TvnPort(net, self.case.subject.batch))
            report = compare_on_noise(spec)
        failing = ((tap, tap.reason) for tap in report.taps)
        found = (Judgement(tap.name, why, tap.complaint) for tap, why in failing if why)
        return next(found, None)

    def _criteria(self, fault: Fault, tap: str) -> dict[str, bool]:
        bench = self.bench(NOISE)
        with bench.planted([(fault, tap)]):
            found = bench.logits(bench.stage_of(tap))
        return accepted(found, bench.wanted)


def mutants(
    case: Case,
    criteria_every: int = 1,
    part: int = 0,
    parts: int = 1,
    thorough: bool = True,
) -> list[Mutant]:
    """Every mutant of a case, or one of `parts` shares of them.

    Other tools' criteria are asked about one of every `criteria_every`; for `thorough` see `Judge`.
    """
    judge = Judge(case, thorough)
    right = judge.bench(NOISE).right
    assert all(tap.passed or tap.doubtful for tap in right), f"{case.name}: the right port fails"
    found = [
        judge.judge(family, fault, tap, index // parts % criteria_every == 0)
        for index, (family, fault, tap) in enumerate(sites(case))
        if index % parts == part
    ]
    judge.close()
    return found
