"""Verifying as a whole: every layer, what the level adds to that, and why what fails fails."""

from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from functools import partial
from typing import TypeVar

from port.errors import InputError
from verify.diagnosis.plan import PortPlan, planned
from verify.engine.comparer import Comparer
from verify.engine.events import Explained, Judged, Part, Skipped, Watch, ignore
from verify.engine.inference import compare_layers
from verify.reports.circumstances import circumstances
from verify.reports.outcome import Explanation, Outcome
from verify.reports.report import Report
from verify.reports.training_report import TrainingReport
from verify.specs.spec import PortSpec

PORT_FAILED = "the port itself failed"
Explainable = TypeVar("Explainable", Report, TrainingReport)


def verify(
    spec: PortSpec,
    level: str = "inference",
    *,
    also: Sequence[str] = (),
    diagnose: bool = True,
    watch: Watch = ignore,
) -> Report:
    """Compare a port with its original, and say why they differ where they do.

    Args:
        spec: the port and its original, as `port_spec` or `tvn_spec` make it.
        level: `inference` compares every layer; `training` training steps as well, and of Tiny
            Video Networks further probes; `probes`, of anybody's port, further inputs; `full` all
            there is.
        also: variants of the port to judge too, if the port itself passes.
        diagnose: find out why what fails fails.
        watch: is told of every step, every outcome, every explanation.

    Returns:
        The report; `report.passed` is the verdict, `report.further` what was judged besides.

    Raises:
        InputError: there is no such level or variant of this port.
    """
    plan = planned(spec)
    judges, variants = plan.judges(level), plan.variant_judges(tuple(dict.fromkeys(also)))
    skipped, outcomes = dict[str, str](), dict[str, Outcome]()
    with closing(Comparer(watch, apart=plan.heavy)) as comparer:
        report = comparer.compare(plan.sides, partial(compare_layers, mapped=True))
        watch(Judged(Part.LAYERS, report))
        if diagnose and not report.passed:
            comparer.close()  # the diagnosis needs the memory
            report = _explained(report, plan.explain_layers(plan.sides, report), watch)
        for name, judge in judges.items():
            try:
                outcome = judge(comparer)
            except InputError as error:
                skipped[name] = str(error)
                watch(Skipped((name,), str(error)))
                continue
            watch(Judged(Part.LEVEL, outcome))
            if diagnose and not outcome.passed:
                before = [report, *outcomes.values()]
                outcome = _why(plan, before, name, outcome, watch)
            outcomes[name] = outcome
    if report.passed:
        comparer = Comparer(watch)
        for name, judge in variants.items():
            outcomes[name] = judge(comparer)
            watch(Judged(Part.VARIANT, outcomes[name]))
    elif variants:
        skipped |= dict.fromkeys(variants, PORT_FAILED)
        watch(Skipped(tuple(variants), PORT_FAILED))
    about = replace(report.about, skipped=skipped)
    return replace(report, further=outcomes, about=about, made=circumstances())


def _why(
    plan: PortPlan, before: Sequence[Outcome], name: str, outcome: Outcome, watch: Watch
) -> Outcome:
    """What failed behind others, with why; of layers that fail on several inputs, once."""
    layers = before[0]
    assert isinstance(layers, Report)
    if isinstance(outcome, TrainingReport):
        return _explained(outcome, plan.explain_training(layers, outcome), watch)
    told = any(isinstance(other, Report) and not other.passed for other in before)
    if told or not isinstance(outcome, Report):
        return outcome
    return _explained(outcome, plan.explain_further(name, outcome), watch)


def _explained(report: Explainable, diagnosis: Explanation | None, watch: Watch) -> Explainable:
    if diagnosis is None:
        return report
    watch(Explained(diagnosis))
    return replace(report, diagnosis=diagnosis)
