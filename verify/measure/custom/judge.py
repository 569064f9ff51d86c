"""One net with its original, kept at hand, and what the verifier says of its ports."""

import copy
import time
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from torch import Tensor, nn

from port.errors import InputError
from verify.custom.originals.original import OUTPUT
from verify.custom.port_spec import port_spec
from verify.diagnosis.diagnose import Diagnosis
from verify.diagnosis.plan import PortPlan
from verify.diagnosis.verify import verify
from verify.measure.custom import truth
from verify.measure.custom.converted import wrong_weights
from verify.measure.custom.mistakes import Mistake, mistakes
from verify.measure.custom.net import Net, Parts
from verify.measure.custom.original import RunOnce
from verify.measure.custom.rewrites import Rewrite, rewrites
from verify.measure.custom.styles import AS_WRITTEN, styles
from verify.reports.report import Report

Row = dict[str, Any]
# Styles whose modules are each given every mistake; functional code is changed as it is written.
PLANTED_IN = (AS_WRITTEN, "of modules")
# What becomes of a mutant that its names alone tell from the right port.
RENAMED = "renamed"
# Of mistakes in weights, one of so many is in a port that brings them along.
LOADED_EVERY = 4
# What names a mistake of any family: that the values are not the original's, or that a class does
# more than the one it is derived from.
WORDS = {"module": ("besides",), "function": (), "weights": ("other weights", "other values")}
LONGEST_MESSAGE = 300


@dataclass(frozen=True)
class Mutant:
    """A wrong port: how to make it, and how it is given to the verifier.

    Args:
        identity: says of which net, in which style, and what is wrong where.
        how: `module`, `function` or `weights`.
        family: of the mistake.
        words: any of which names it in a diagnosis.
        style: of the port.
        make: a fresh one, without weights.
        given: further arguments of `port_spec`.
        change: of the right state dict.
        path: of the module that is wrong, if it is one.
    """

    identity: str
    how: str
    family: str
    words: tuple[str, ...]
    style: str
    make: Callable[[], nn.Module]
    given: Mapping[str, Any]
    change: Callable[[dict[str, Tensor]], dict[str, Tensor]] = dict
    path: str | None = None

    @property
    def draw(self) -> int:
        """A number by which samples are drawn: the same whenever and wherever."""
        return zlib.crc32(self.identity.encode())


class Bench:
    """A net beside its original, which runs once.

    Args:
        net: of the catalogue.
    """

    def __init__(self, net: Net) -> None:
        self.net, self.styles = net, styles(net)
        self.original = RunOnce(net.keras_model())
        self.inputs = net.inputs()
        self._right: dict[str, PortPlan] = {}
        tokens = bool(net.tokens)
        others = [net.inputs(seed=1), net.inputs(seed=2, scale=1 if tokens else 10)]
        self._tensors = truth.tensors([self.inputs, *others])
        self._calls = self.original.calls({"input": self.inputs})
        self._state = self.right(AS_WRITTEN).port.module.state_dict()  # type: ignore[attr-defined]
        right = self._with_weights(self.styles[AS_WRITTEN](), self._state)
        self._outputs = truth.outputs(right, self._tensors)
        self._computed = truth.computed(self._calls, truth.operations(right, self._tensors[0]))

    def right(self, style: str) -> PortPlan:
        """The right port's comparison, in a style."""
        if style not in self._right:
            self._right[style] = self._spec(self.styles[style](), {})
        return self._right[style]

    def mutants(self) -> list[Mutant]:
        """Every wrong port of this net, in an order that never changes."""
        found = [*self._in_modules(), *self._in_functions(), *self._in_weights()]
        assert len({mutant.identity for mutant in found}) == len(found), self.net.name
        return found

    def judge(self, mutant: Mutant, diagnose: bool = True) -> Row:
        """What the verifier says of a wrong port, beside what is true of it."""
        start = time.process_time()
        row: Row = {"net": self.net.name, "mutant": mutant.identity, "how": mutant.how,
               "family": mutant.family, "style": mutant.style}  # fmt: skip
        right_state = self.right(mutant.style).port.module.state_dict()  # type: ignore[attr-defined]
        wrong = self._with_weights(mutant.make(), mutant.change(dict(right_state)))
        same = [truth.same(found, right) for found, right in
                zip(truth.outputs(wrong, self._tensors), self._outputs, strict=True)]  # fmt: skip
        stillborn = truth.is_stillborn(wrong, self._tensors[0])
        row |= {"equivalent": all(same), "hidden": same[0] and not all(same),
                "stillborn": stillborn}  # fmt: skip
        if all(same) or stillborn:
            return row
        row |= self._verdict(mutant, right_state, wrong, diagnose)
        return row | {"seconds": round(time.process_time() - start, 3)}

    def _verdict(
        self, mutant: Mutant, state: dict[str, Tensor], wrong: nn.Module, diagnose: bool
    ) -> Row:
        given = dict(mutant.given)
        port = mutant.make()
        if mutant.how == "weights" and given.get("loaded"):
            port.load_state_dict(mutant.change(dict(state)))
        elif mutant.how == "weights":
            given["weights"] = lambda _: mutant.change(dict(state))
        try:
            spec = self._spec(port, given)
            report = verify(spec, diagnose=diagnose)
        except InputError as error:
            return {"outcome": "refused", "said": str(error)[:LONGEST_MESSAGE]}
        except Exception as error:
            said = f"{type(error).__name__}: {error}"
            return {"outcome": "crashed", "said": said[:LONGEST_MESSAGE]}
        row: Row = {"matched_elsewhere": self._elsewhere(mutant.style, spec)}
        if report.passed:
            return row | {"outcome": RENAMED if self._is_right(spec) else "missed"}
        row |= {"outcome": "killed", "stopped": bool(report.about.stopped)}
        seen = truth.operations(wrong, self._tensors[0])
        lost = self._computed - truth.computed(self._calls, seen)
        return (
            row
            | self._place(report, lost, mutant)
            | _cause(report, mutant.words, mutant.how, diagnose)
        )

    def _is_right(self, spec: PortPlan) -> bool:
        """With the weights that it was matched with: only the names of its parts are others."""
        port = spec.port.module  # type: ignore[attr-defined]
        found = truth.outputs(copy.deepcopy(port).double().eval(), self._tensors)
        return all(truth.same(*pair) for pair in zip(found, self._outputs, strict=True))

    def _place(self, report: Report, lost: set[str], mutant: Mutant) -> Row:
        """The first layer that failed; those that are right, and the first that changed.

        Right is the layer of the module that is wrong, and the first that computes otherwise
        and has a tap in the right port, or else in this one.
        """
        right = self.right(mutant.style).port.places  # type: ignore[attr-defined]
        expected = [next((tap for tap in right if tap in lost), OUTPUT)]
        expected += [tap.name for tap in report.taps if tap.name in lost][:1]
        if mutant.path is not None:
            expected += [t for t, p in right.items() if p.module.partition("#")[0] == mutant.path]
        order = [call.tap for call in self._calls if call.tap in lost]
        return {"first": report.first_failure, "expected": list(dict.fromkeys(expected)),
                "changed": order[0] if order else OUTPUT}  # fmt: skip

    def _elsewhere(self, style: str, spec: PortPlan) -> list[str]:
        """Weights and taps that were found at other places than in the right port."""
        found, right = spec.about.matching, self.right(style).about.matching
        if found is None or right is None:
            return []
        pairs = ((found.weights, right.weights), (found.taps, right.taps))
        return [
            name
            for mine, its in pairs
            for name in mine
            if name in its and mine[name].partition(" (")[0] != its[name].partition(" (")[0]
        ]

    def _spec(self, port: nn.Module, given: Mapping[str, Any]) -> PortPlan:
        told = {**self.net.given, **given}
        for name in ("port_only", "without"):
            if name in self.net.given and name in given:
                told[name] = [*self.net.given[name], *given[name]]
        if "weights" in told:
            told.pop("port_only", None)
            told.pop("without", None)
        return port_spec(self.net.name, self.original, port, self.inputs, **told)

    def _with_weights(self, port: nn.Module, state: dict[str, Tensor]) -> nn.Module:
        port.load_state_dict(state, strict=False)
        return port.double().eval()

    def _in_modules(self) -> list[Mutant]:
        found = []
        for style in PLANTED_IN:
            if style not in self.styles:
                continue
            make, variables = self.styles[style], self._variables(style)
            for path, module in make().named_modules():
                if not path or (any(True for _ in module.children())
                                and not isinstance(module, nn.MultiheadAttention)):  # fmt: skip
                    continue
                weights = any(True for _ in module.parameters())
                if style != AS_WRITTEN and weights:
                    continue  # it has been planted in the port as it is written
                for mistake in mistakes(module):
                    left = [variables[f"{path}.{n}"] for n in mistake.leaves
                            if f"{path}.{n}" in variables]  # fmt: skip
                    given: dict[str, Any] = {}
                    if left:
                        given["without"] = left
                    if mistake.adds:
                        given["port_only"] = [f"{path}.{name}" for name in mistake.adds]
                    wrong = partial(_planted, make, mistake, path)
                    identity = f"{self.net.name}/{style}/{path}/{mistake.name}"
                    found.append(Mutant(identity, "module", mistake.family, mistake.words, style,
                                        wrong, given, path=path))  # fmt: skip
        return found

    def _variables(self, style: str) -> dict[str, str]:
        """By the key of a tensor the variable that it holds."""
        matching = self.right(style).about.matching
        assert matching is not None
        return {place.partition(" (")[0]: name for name, place in matching.weights.items()}

    def _in_functions(self) -> list[Mutant]:
        if self.net.make is not None:
            return []
        ports = {AS_WRITTEN: self.net.port, **self.net.others}
        return [
            Mutant(f"{self.net.name}/{style}/{each.name}", "function", each.family, each.words,
                   style, partial(_rewritten, each, parts), {})
            for style, parts in ports.items()
            for each in rewrites(parts)
        ]  # fmt: skip

    def _in_weights(self) -> list[Mutant]:
        found = []
        for style in (AS_WRITTEN, *self.net.others):
            make = self.styles[style]
            for each in wrong_weights(make()):
                identity = f"{self.net.name}/{style}/{each.name}"
                loaded = zlib.crc32(identity.encode()) % LOADED_EVERY == 0
                given = {"loaded": True} if loaded else {}
                found.append(Mutant(identity, "weights", each.family, each.words, style, make,
                                    given, each.change, each.path))  # fmt: skip
        return found


def _rewritten(rewrite: Rewrite, parts: Parts) -> nn.Module:
    return rewrite.make(parts)()


def _planted(make: Callable[[], nn.Module], mistake: Mistake, path: str) -> nn.Module:
    port = make()
    mistake.change(port, path)
    return port


def _cause(report: Report, words: Sequence[str], how: str, diagnosed: bool) -> Row:
    """What the diagnosis says first, and whether that names the mistake."""
    diagnosis = report.diagnosis
    if not diagnosed or not isinstance(diagnosis, Diagnosis):
        return {}
    cause = diagnosis.causes[0] if diagnosis.causes else None
    said = " ".join(diagnosis.kinds.values()) if cause is None else str(cause)
    told = said.lower()
    words = (*words, *WORDS[how])
    return {
        "cause": said[:LONGEST_MESSAGE],
        "named": any(word.lower() in told for word in words),
        "explained": bool(cause and cause.explained >= 1 - 1e-6),
        "confirmed": diagnosis.confirmed,
    }
