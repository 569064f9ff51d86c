"""Which mistake a wrong layer holds: hypotheses tried on it alone, ranked by what they explain.

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
from verify.diagnosis_values import described, other_values
from verify.faults import FAMILIES, Fault
from verify.faults.base import Site, Undo
from verify.runners.pytorch import TorchRunner
from verify.spec import Arrays, Stage
from verify.tvn import stage_calls

# From here on a difference is explained.
EXPLAINED = 1 - 1e-6
# What a cause must explain at least to be named, and to be built upon.
WORTH_NAMING = 0.5
MOST_CAUSES = 4
UNEXPLAINED = "unexplained"
# Runs whose mean is near what a layer computes that drops by chance.
DRAWS = 64
# Pairs of mistakes in one layer are tried among so many that seem nearest.
PAIRED = 20
# Two outputs of torch are the same up to its rounding, of the largest magnitude.
SAME = {"float64": 1e-11, "float32": 2e-7}
# These choose a variable or a value by chance; the values themselves tell them.
TOLD_BY_VALUES = "weights"


@dataclass(frozen=True, slots=True)
class Cause:
    """A mistake that explains a layer's difference, and the share of it that it explains.

    `also` names others that explain as much, which these clips cannot tell from it; `instead` what
    came next, with its share.
    """

    tap: str
    name: str
    explained: float
    detail: str = ""
    also: tuple[str, ...] = ()
    instead: tuple[tuple[str, float], ...] = ()

    def __str__(self) -> str:
        """One line."""
        also = f", or {', or '.join(self.also)}" if self.also else ""
        detail = f" ({self.detail})" if self.detail else ""
        return f"{self.tap}: {self.name}{detail}{also} explains {_percent(self.explained)}"

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "tap": self.tap,
            "cause": self.name,
            "explained": self.explained,
            "detail": self.detail or None,
            "or": list(self.also),
            "next": [{"cause": name, "explained": share} for name, share in self.instead],
        }


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"


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
        return Cause(tap, "dropout at inference", _explained(runs[0], mean, model.get(tap)),
                     "no two runs agree, their mean does")  # fmt: skip

    def agrees(self, stages: Sequence[Stage], inputs: Mapping[str, np.ndarray]) -> bool:
        """Whether the right net with the causes planted computes the port's output."""
        ends = []
        for runner in (self._port, self._right):
            carried = dict(inputs)
            for stage in stages:
                if all(name in carried for name in stage.reads):
                    runner.run_stage(stage, carried, carried.__setitem__)
            ends.append(carried.get(stages[-1].taps[-1]))
        return self._same(*ends)

    def _best(
        self, stage: Stage, seen: Mapping[str, np.ndarray], tap: str, model: Arrays, found: Arrays
    ) -> "tuple[tuple[_Hypothesis, ...], float, list[tuple[_Hypothesis, float]]] | None":
        hypotheses = list(self._hypotheses(tap))
        rest = stage.taps[stage.taps.index(tap) + 1 :]

        def tried(*some: _Hypothesis) -> tuple[float, int]:
            """The share explained here, and how many layers of the stage agree behind."""
            with ExitStack() as stack:
                for each in some:
                    stack.callback(self._plant(each, tap))
                after = _outputs(self._right, stage, seen)
            share = _explained(model.get(tap), after.get(tap), found.get(tap))
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
        if a is None or b is None:
            return a is b
        if a.shape != b.shape:
            return False
        scale = np.nanmax(np.abs(b), initial=0.0, where=np.isfinite(b))
        return bool(_distances(a, b).max(initial=0.0) <= SAME[self.precision] * scale)


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


def _explained(
    before: np.ndarray | None, after: np.ndarray | None, found: np.ndarray | None
) -> float:
    """The share of the difference from `found` that is gone, by its root mean square."""
    if found is None or after is None:
        return 1.0 if found is after else 0.0
    if after.shape != found.shape:
        return 0.0
    if before is None or before.shape != found.shape:
        before = np.zeros_like(found)
    was, left = (_rms(_distances(each, found)) for each in (before, after))
    if not np.isfinite(was):  # a NaN in the port alone
        return 1.0 if left == 0 else 0.0
    return max(1 - left / was, 0.0) if was > 0 else 0.0


def _distances(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Elementwise; what is not a number on both sides agrees."""
    with np.errstate(invalid="ignore"):
        distances = np.abs(a.astype(np.float64) - b)
    both = (np.isnan(a) & np.isnan(b)) | (a == b)
    return np.where(both, 0.0, np.where(np.isnan(distances), np.inf, distances))


def _rms(values: np.ndarray) -> float:
    return float(np.sqrt(np.mean(np.square(values)))) if values.size else 0.0
