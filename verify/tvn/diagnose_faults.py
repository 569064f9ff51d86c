"""Mistakes of the catalogue as hypotheses: which of them makes a right layer compute the wrong.

A right layer with a mistake of the catalogue planted in it computes what the wrong one does, if
that is the mistake. Found ones stay planted, so that several are peeled off one by one; and in the
end the right net with all of them must compute what the port computes.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from port.model import TinyVideoNet
from port.taps import tapped_modules
from verify.diagnosis.cause import (
    EXPLAINED,
    UNEXPLAINED,
    WORTH_NAMING,
    Cause,
    explained_share,
    same,
)
from verify.diagnosis.fault import Site, Undo
from verify.runners.pytorch import TorchRunner
from verify.specs.spec import Arrays, Stage
from verify.specs.walk import all_taps, last_of, walk
from verify.tvn.diagnose_values import described, other_values
from verify.tvn.faults import FAMILIES, Fault
from verify.tvn.spec import stage_calls

MOST_CAUSES = 4
# Runs whose mean is near what a layer computes that drops by chance.
DRAWS = 64
# Pairs of mistakes in one layer are tried among so many that seem nearest.
PAIRED = 20
# These choose a variable or a value by chance; the values themselves tell them.
TOLD_BY_VALUES = "weights"


@dataclass(frozen=True, slots=True)
class _Hypothesis:
    name: str
    fault: Fault
    detail: str = ""


class Suspect:
    """A port beside a right net, in one precision, on what the original's layers read.

    Args:
        port: a copy of the net that is wrong.
        right: a copy of one that is right; causes that are found are planted in it.
        batch: clips.
        precision: `float64`, or `float32` for what only that shows.
    """

    def __init__(self, port: TinyVideoNet, right: TinyVideoNet, batch: int, precision: str) -> None:
        self.right, self.precision = right, precision
        self._port = TorchRunner(port, stage_calls(port, batch), precision)
        self._right = TorchRunner(right, stage_calls(right, batch), precision)
        self._port_modules = tapped_modules(port)

    def causes(self, stage: Stage, seen: Mapping[str, np.ndarray]) -> Iterator[Cause]:
        """What is wrong in a stage, one cause after the other; each stays planted."""
        found = _outputs(self._port, stage, seen)
        given_up = set[str]()
        for _ in range(MOST_CAUSES):
            model = _outputs(self._right, stage, seen)
            tap = next((t for t in stage.taps if t not in given_up
                        and not self._same(model.get(t), found.get(t))), None)  # fmt: skip
            if tap is None:
                return
            best = self._best(stage, seen, tap, model, found)
            if best is None or best[1] < WORTH_NAMING:
                given_up.add(tap)
                yield self._by_chance(stage, seen, tap, model) or Cause(tap, UNEXPLAINED, 0.0)
                continue
            chosen, explained, ranked = best
            for hypothesis in chosen:
                hypothesis.fault.plant(self._site(tap))
                yield _cause(tap, hypothesis, explained, ranked)
            if explained < EXPLAINED:
                given_up.add(tap)

    def _by_chance(
        self, stage: Stage, seen: Mapping[str, np.ndarray], tap: str, model: Arrays
    ) -> Cause | None:
        """A layer that never computes the same twice, but what it should on average, drops."""
        runs = [_outputs(self._port, stage, seen).get(tap) for _ in range(DRAWS)]
        if any(run is None for run in runs) or self._same(runs[0], runs[1]):
            return None
        mean = np.mean(np.stack(runs), axis=0)  # type: ignore[arg-type]
        return Cause(tap, "dropout at inference", explained_share(runs[0], mean, model.get(tap)),
                     "no two runs agree, their mean does")  # fmt: skip

    def agrees(self, stages: Sequence[Stage], inputs: Mapping[str, np.ndarray]) -> bool:
        """Whether the right net with the causes planted computes the port's output."""
        ends = []
        for runner in (self._port, self._right):
            last = last_of(walk(stages, inputs, all_taps(runner)))
            ends.append(last.taps.get(last.stage.taps[-1]))
        return self._same(*ends)

    def _best(
        self, stage: Stage, seen: Mapping[str, np.ndarray], tap: str, model: Arrays, found: Arrays
    ) -> "tuple[tuple[_Hypothesis, ...], float, list[tuple[_Hypothesis, float]]] | None":
        hypotheses = list(self._hypotheses(tap))
        rest = stage.taps[stage.taps.index(tap) + 1 :]

        def tried(*some: _Hypothesis) -> tuple[float, int]:
            """The share explained here, and how many layers of the stage agree behind."""
            with ExitStack() as stack:
                try:
                    for each in some:
                        stack.callback(self._plant(each, tap))
                except RuntimeError:  # the second has no place in what the first made of the layer
                    return -np.inf, 0
                after = _outputs(self._right, stage, seen)
            share = explained_share(model.get(tap), after.get(tap), found.get(tap))
            behind = sum(self._same(after.get(name), found.get(name)) for name in rest)
            return share, behind

        shares = {each: tried(each) for each in hypotheses}
        order = sorted(hypotheses, key=lambda each: shares[each], reverse=True)
        if not order:
            return None
        ranked = [(each, shares[each][0]) for each in order]
        if shares[order[0]][0] >= EXPLAINED:
            # What tells equals apart is what it makes of the layers behind.
            top = shares[order[0]][1]
            ranked = [(e, s) for e, s in ranked if s < EXPLAINED or shares[e][1] == top]
            return (order[0],), ranked[0][1], ranked
        few = order[:PAIRED]
        pairs = [(a, b) for a in few for b in few if a is not b]
        both = {pair: tried(*pair)[0] for pair in pairs}
        pair = max(both, key=both.__getitem__, default=None)
        if pair is not None and both[pair] >= EXPLAINED:
            return pair, both[pair], []
        return (order[0],), ranked[0][1], ranked

    def _hypotheses(self, tap: str) -> Iterator[_Hypothesis]:
        """Mistakes that could be made in this layer: the catalogue's, then its other weights."""
        site = self._site(tap)
        wanted = self.precision == "float32"
        for family, faults in FAMILIES.items():
            if family == TOLD_BY_VALUES or (family == "precision") != wanted:
                continue
            yield from (_Hypothesis(f.name, f) for f in faults if f.applies(site))
        port = self._port_modules.get(tap)
        if port is None or wanted:
            return
        for attribute, (value, right) in other_values(port, site.module).items():
            name, detail = described(value, right, tap, self.right)
            fault = Fault(name, lambda _: True, _assigned(attribute, value))
            yield _Hypothesis(name, fault, f"{attribute}: {detail}" if detail else attribute)

    def _plant(self, hypothesis: _Hypothesis, tap: str) -> Undo:
        return hypothesis.fault.plant(self._site(tap))

    def _site(self, tap: str) -> Site:
        return Site(self.right, tap, tapped_modules(self.right)[tap])

    def _same(self, a: np.ndarray | None, b: np.ndarray | None) -> bool:
        return same(a, b, self.precision)


def _assigned(attribute: str, value: torch.Tensor) -> Any:
    def plant(site: Site) -> Undo:
        variable = getattr(site.module, attribute)
        before = variable.detach().clone()

        @torch.no_grad()
        def put(values: torch.Tensor) -> None:
            variable.copy_(values)

        put(value)
        return lambda: put(before)

    return plant


def _cause(
    tap: str, chosen: _Hypothesis, explained: float, ranked: list[tuple[_Hypothesis, float]]
) -> Cause:
    others = [(each.name, share) for each, share in ranked if each is not chosen]
    also = tuple(name for name, share in others if share >= EXPLAINED <= explained)
    instead = tuple((name, max(share, 0.0)) for name, share in others if share < EXPLAINED)[:3]
    return Cause(tap, chosen.name, explained, chosen.detail, also, instead)


def _outputs(runner: TorchRunner, stage: Stage, seen: Mapping[str, np.ndarray]) -> Arrays:
    found: Arrays = {}
    runner.run_layers(stage, seen, found.__setitem__)
    return found
