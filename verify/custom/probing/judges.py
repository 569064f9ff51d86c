"""What the level `probes` judges of anybody's port: the whole net again, on each further input."""

import copy
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from port.errors import InputError
from verify.custom.layouts.layout import resized
from verify.custom.matching.correspondence import Correspondence
from verify.custom.matching.pair import Pair
from verify.custom.matching.weights import load
from verify.custom.module.torch_module import ModulePort
from verify.custom.originals.original import Call, outputs_of
from verify.custom.probing.inputs import Probe, draw_probes, vocabularies_of
from verify.diagnosis.diagnose import Diagnosis, diagnose
from verify.diagnosis.plan import Judge
from verify.engine.comparer import Comparer
from verify.reports.report import Report
from verify.specs.about import About
from verify.specs.spec import PortSpec, Stage

# Biases of the probe that changes weights are spread so far to either side: some of an activation's
# values lie between its bends then, some beyond them, wherever it is.
SPREAD = 9.0
BIASES = frozenset("bias biases beta b offset".split())
LARGE_BIASES = "large biases"


@dataclass(frozen=True)
class Matched:
    """A `pair`, with what was found to correspond; `reloads`: the port takes other weights."""

    name: str
    pair: Pair
    correspondence: Correspondence
    reloads: bool

    def spec(self) -> PortSpec:
        """The comparison on the pair's inputs.

        Raises:
            InputError: the original refuses them, or computes what is no number.
        """
        pair = self.pair
        calls = self._calls()
        places = {
            call.tap: replace(place, layout=layout)
            for call in calls
            if (place := self.correspondence.places.get(call.tap))
            and (layout := resized(place.layout, call.value.shape))
        }
        for tap in outputs_of(calls).keys() - places.keys():
            layout = self.correspondence.places[tap].layout
            raise InputError(f"the layout of {tap}, {layout}, is of one size alone")
        found = replace(self.correspondence.found, places=places)
        confirmed = pair.confirm(Correspondence(found, calls))
        made = ModulePort(pair.module, confirmed.places, pair.layouts, pair.forward)
        shapes = {name: array.shape for name, array in pair.inputs.items()}
        return PortSpec(
            name=self.name,
            stages=[Stage("net", tuple(pair.inputs), tuple(confirmed.places))],
            original=partial(pair.original.runner, inputs=tuple(pair.inputs)),
            port=made,
            inputs=pair.inputs,
            guessed=confirmed.guessed(pair.said),
            about=About(input=shapes, stopped=made.stopped),
            original_rounds=bool(pair.original.rounded),
        )

    def _calls(self) -> list[Call]:
        """What the original's layers compute, in both precisions numbers."""
        original, inputs = self.pair.original, self.pair.inputs
        try:
            calls = original.calls(inputs)
            there = tuple(call.tap for call in calls if call.tap in self.correspondence.places)
            runner = original.runner("float32", tuple(inputs))
            rounded = runner.run_stage(Stage("net", tuple(inputs), there), inputs)
            runner.close()
        except Exception as error:  # TensorFlow has many
            told = next(iter(str(error).splitlines()), "") or type(error).__name__
            raise InputError(f"the original itself refuses it: {told}") from error
        exact = {call.tap: call.value for call in calls}
        for tap in there:
            if not (np.isfinite(exact[tap]).all() and np.isfinite(rounded[tap]).all()):
                raise InputError(f"the original itself computes no finite numbers, at {tap}")
        return calls


def probe_specs(matched: Matched) -> dict[str, Callable[[], PortSpec]]:
    """By name what makes the comparison on each probe; it raises InputError where there is none."""
    original, inputs = matched.pair.original, matched.pair.inputs
    vocabularies = vocabularies_of(inputs, matched.correspondence.calls, original.variables)
    specs: dict[str, Callable[[], PortSpec]] = {
        f"probes: {probe.name}": partial(_on, matched, probe)
        for probe in draw_probes(inputs, original.sizes(inputs), vocabularies)
    }
    if matched.reloads and _biases(matched):
        specs[f"probes: {LARGE_BIASES}"] = partial(_with_large_biases, matched)
    return specs


def judges_of(matched: Matched) -> dict[str, Judge]:
    """By name, a judge for each probe."""
    return {name: partial(_judge, spec) for name, spec in probe_specs(matched).items()}


def explain_probe(matched: Matched, name: str, report: Report) -> Diagnosis:
    """Why the port fails on the probe of this name."""
    return diagnose(probe_specs(matched)[name](), report)


def _judge(spec: Callable[[], PortSpec], comparer: Comparer) -> Report:
    return comparer.compare(spec())


def _on(matched: Matched, probe: Probe) -> PortSpec:
    pair = replace(matched.pair, inputs=probe.inputs)
    return replace(matched, name=f"{matched.name}: {probe.name}", pair=pair).spec()


def _with_large_biases(matched: Matched) -> PortSpec:
    draw = np.random.default_rng(0)
    original, module = matched.pair.original, copy.deepcopy(matched.pair.module)
    variables = dict(original.variables)
    for name in _biases(matched):
        bias = variables[name]
        spread = draw.permutation(np.linspace(SPREAD, -SPREAD, bias.size)).reshape(bias.shape)
        variables[name] = (bias + spread).astype(bias.dtype)
    load(module, matched.correspondence.rows, variables)
    pair = replace(matched.pair, original=original.with_weights(variables), module=module)
    return replace(matched, name=f"{matched.name}: {LARGE_BIASES}", pair=pair).spec()


def _biases(matched: Matched) -> list[str]:
    """The variables that are added to what a layer computes."""
    placed = dict.fromkeys(row.variable for row in matched.correspondence.rows)
    return [name for name in placed if name.rpartition("/")[2] in BIASES]
